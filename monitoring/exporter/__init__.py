"""The exporter: what the stack tells of itself, as Prometheus reads it.

Lambda's instances come and go and cannot be scraped, so the app writes its metrics into its log
(CloudWatch's embedded metric format), and this program reads them there: the same program on the
embedded AWS, on LocalStack and on AWS. Each line counts once, whatever is restarted when.
"""
