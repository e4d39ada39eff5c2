"""The bakery in DynamoDB: all keys and conditions are here.

``CAKES/<cake id>``            a recipe
``ORDERS#<shard>/<order id>``  an order
``KEY#<key>/ORDER``            the order of an Idempotency-Key
``OPEN#<shard>/<order id>``    that it is open, and since when; the next batch reads these
``TICKETED#``, ``READY#``, ``CANCELLED#<shard>/<order id>``  that it has this status
``CUSTOMER#<name>/<order id>``  an order of a customer, by folded name
``DUE#<day>#<shard>/<order id>``  an order that is due on a day (UTC)
``GATHERING/<day>``            a batch that orders are joining
``MEMBERS#<day>/<order id>``   that an order has joined the day's batch, for ever
``BATCHES/<day>``              a sealed batch; ``ticket`` is the outcome of its ticket; of an extra
                               ticket ``<day>#02``, as in the two keys before
``TICKETS/<issue key>``        which order or batch an issue is about; ``TICKETS/#<issue id>``, too,
                               and the id decides
``EMPLOYEES/<employee id>``    an employee
``ACCESS/<github user>``       the access requested for a GitHub user, and for whom
``GITHUB_USERS/<login>``       the id of a GitHub user's name
``GITHUB_USER#<id>/<login>``   the reverse
``DOCUMENTS/<name>``           where a document is, or which effect is creating it
``COUNTERS/<kind>``            the last id; of orders where lists of customers begin, and when
                               orders began to be spread

Orders of older versions stay in ``ORDERS``, ``OPEN`` and ``DUE#<day>``, and in no other list by
status.

Records hold their JSON as ``body`` and, where they change, their ``version``. All writes that may
race go through transactions: DynamoDB recognises a repeated transaction by its token, such as one
whose answer was lost, which it does not do for single conditional writes.
"""
