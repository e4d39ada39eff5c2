"""The bakery in DynamoDB: keys and conditions live here and nowhere else.

``CAKES/<cake id>``            a recipe
``ORDERS/<order id>``          an order
``KEY#<key>/ORDER``            the order of an Idempotency-Key
``OPEN/<order id>``            that it is open, and since when: what the next batch looks through
``GATHERING/<day>``            a batch that orders are joining
``MEMBERS#<day>/<order id>``   that an order has joined the day's batch, for ever
``BATCHES/<day>``              a sealed batch; ``ticket`` is the outcome of its ticket
``TICKETS/<issue key>``        which order or batch an issue is about
``EMPLOYEES/<employee id>``    an employee
``ACCESS/<github user>``       whether they are to have access, and who they are
``DOCUMENTS/<name>``           where a document is, or which effect is making it
``COUNTERS/<kind>``            the last id

Records hold their JSON as ``body`` and, where they change, their ``version``. All writes that may
meet others go through transactions: DynamoDB takes a repeated one for the first (a lost answer on
the way to us is sent again), which it does not with single conditional writes.
"""
