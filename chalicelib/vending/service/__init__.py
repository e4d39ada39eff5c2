"""What the vending context does, in plain Python: no AWS, no HTTP, no clock of its own.

``registry`` keeps sites, technicians and machines; ``intake`` takes files in and gives them back;
``arrivals`` makes records agree with the share; ``verdicts`` judges; ``dispatching`` sends people.
"""
