"""What the queue of the fleet asks for, done at once."""

import json
import os

from chalicelib.core import aws
from chalicelib.vending.ports import Clearing, Enrolment, Round
from chalicelib.vending.wiring import vending


def until_the_fleet_is_quiet() -> None:
    """Do all that the queue asks for, and what is asked for meanwhile."""
    url = os.environ["VENDING_FLEET_QUEUE_URL"]
    vending().verdicts.look_at_notes()
    while found := aws.sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in found:
            asked = json.loads(message["Body"])
            if "round" in asked:
                vending().verdicts.go_round(Round.model_validate(asked["round"]))
            if "enrolment" in asked:
                vending().rebuilding.enrol(Enrolment.model_validate(asked["enrolment"]))
            if "clearing" in asked:
                vending().rebuilding.clear(Clearing.model_validate(asked["clearing"]))
            aws.sqs().delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        vending().verdicts.look_at_notes()
