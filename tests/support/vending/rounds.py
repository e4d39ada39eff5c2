"""What the queue of the fleet asks for, done at once."""

import json
import os

from chalicelib.core import aws
from chalicelib.vending.ports import Clearing, Enrolment, Round
from chalicelib.vending.wiring import vending


def until_the_fleet_is_quiet() -> None:
    """Process the queue's messages, and those that arrive meanwhile."""
    url = os.environ["VENDING_FLEET_QUEUE_URL"]
    vending().verdicts.look_at_notes()
    while found := aws.sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in found:
            body = json.loads(message["Body"])
            if "round" in body:
                vending().verdicts.go_round(Round.model_validate(body["round"]))
            if "enrolment" in body:
                vending().rebuilding.enrol(Enrolment.model_validate(body["enrolment"]))
            if "clearing" in body:
                vending().rebuilding.clear(Clearing.model_validate(body["clearing"]))
            aws.sqs().delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        vending().verdicts.look_at_notes()
