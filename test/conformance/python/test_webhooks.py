"""Webhooks: create, list, retrieve, update, delete, rotate_secret, test, event_types.list, unwrap, verify_signature."""

import unittest

from openai import InvalidWebhookSignatureError, NotFoundError
from openai.types.webhooks import WebhookEndpointWithSecret

from receiver import Receiver
from system import connect, job_when, start_job


class WebhooksTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = connect()
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)

    def create(self, name: str) -> WebhookEndpointWithSecret:
        endpoint = self.client.webhooks.create(
            name=name,
            url=self.receiver.url,
            event_types=["fine_tuning.job.succeeded", "fine_tuning.job.failed", "fine_tuning.job.cancelled"],
        )
        self.addCleanup(self.forget, endpoint.id)
        return endpoint

    def forget(self, endpoint_id: str) -> None:
        try:
            self.client.webhooks.delete(endpoint_id)
        except NotFoundError:
            pass

    def test_endpoints_are_created_changed_listed_and_deleted(self) -> None:
        created = self.create("first")
        self.assertRegex(created.id, r"^whe_")
        self.assertRegex(created.signing_secret, r"^whsec_")
        endpoint = self.client.webhooks.retrieve(created.id)
        self.assertEqual((endpoint.object, endpoint.name, endpoint.url), ("webhook_endpoint", "first", created.url))
        self.assertFalse(hasattr(endpoint, "signing_secret"))
        changed = self.client.webhooks.update(created.id, name="renamed")
        self.assertEqual((changed.name, changed.event_types), ("renamed", created.event_types))
        second = self.create("second")
        listed = [endpoint.id for endpoint in self.client.webhooks.list(limit=1)]
        self.assertEqual(listed[:2], [second.id, created.id])
        deleted = self.client.webhooks.delete(created.id)
        self.assertEqual((deleted.object, deleted.deleted), ("webhook_endpoint.deleted", True))
        with self.assertRaises(NotFoundError):
            self.client.webhooks.retrieve(created.id)

    def test_types_of_events_are_listed(self) -> None:
        self.assertIn("fine_tuning.job.succeeded", self.client.webhooks.event_types.list().data)

    def test_samples_are_signed_with_the_newest_secret(self) -> None:
        endpoint = self.create("rotated")
        rotated = self.client.webhooks.rotate_secret(endpoint.id)
        self.assertNotEqual(rotated.signing_secret, endpoint.signing_secret)
        result = self.client.webhooks.test(endpoint.id, event_type="fine_tuning.job.failed")
        self.assertEqual((result.status_code, result.success, result.webhook_endpoint_id), (200, True, endpoint.id))
        sample = self.receiver.delivery("fine_tuning.job.failed")
        self.client.webhooks.verify_signature(sample.body, sample.headers, secret=rotated.signing_secret)
        with self.assertRaises(InvalidWebhookSignatureError):
            self.client.webhooks.verify_signature(sample.body, sample.headers, secret=endpoint.signing_secret)

    def test_old_secrets_stay_valid_for_a_day_when_asked(self) -> None:
        endpoint = self.create("rotated slowly")
        rotated = self.client.webhooks.rotate_secret(endpoint.id, keep_old_secret_active_for_24_hours=True)
        self.client.webhooks.test(endpoint.id, event_type="fine_tuning.job.cancelled")
        sample = self.receiver.delivery("fine_tuning.job.cancelled")
        for secret in (endpoint.signing_secret, rotated.signing_secret):
            self.client.webhooks.verify_signature(sample.body, sample.headers, secret=secret)

    def test_the_end_of_a_job_is_told(self) -> None:
        endpoint = self.create("jobs")
        job = start_job(self.client)
        job_when(self.client, job.id, "succeeded")
        delivery = self.receiver.delivery("fine_tuning.job.succeeded", job.id)
        event = self.client.webhooks.unwrap(delivery.body, delivery.headers, secret=endpoint.signing_secret)
        self.assertEqual((event.object, event.type), ("event", "fine_tuning.job.succeeded"))


if __name__ == "__main__":
    unittest.main()
