"""Has AWS Signer sign the zips of the functions, where a stage asks for signed code."""

from typing import Any

PARAMETER = "SigningProfileVersionArn"


def sign(signer: Any, bucket: str, key: str, version: str, profile: str) -> str:
    """Return the key of a signed copy of a zip in the same bucket.

    ``signer`` is a client of AWS Signer, ``profile`` the address of a version of a signing
    profile. Raises WaiterError and ClientError.
    """
    job = signer.start_signing_job(
        source={"s3": {"bucketName": bucket, "key": key, "version": version}},
        destination={"s3": {"bucketName": bucket, "prefix": "signed/"}},
        profileName=profile.split("/")[2],
    )["jobId"]
    signer.get_waiter("successful_signing_job").wait(jobId=job)
    found: str = signer.describe_signing_job(jobId=job)["signedObject"]["s3"]["key"]
    return found
