"""The log of events, the subscriptions, and how their receivers do, in one DynamoDB table."""
