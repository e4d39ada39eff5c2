"""The deliveries context in DynamoDB: keys, conditions and attributes are known here alone."""
