"""Errors, and what the client does by itself after some of them."""

import time
import unittest

import httpx2
from openai import AuthenticationError, ConflictError, DefaultHttpxClient

from system import ENDLESS, connect, job_when, start_job, upload_rows


class Wire(httpx2.HTTPTransport):
    """Sends everything, counts it, and loses the first answers although the server gave them."""

    def __init__(self, loses: int = 0) -> None:
        super().__init__()
        self.calls = 0
        self._loses = loses

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Called once for every try."""
        self.calls += 1
        response = super().handle_request(request)
        if self.calls > self._loses:
            return response
        response.read()
        response.close()
        raise httpx2.ReadError("the connection broke before the answer")


class ErrorsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = connect()

    def test_of_a_wrong_key_has_its_class_and_the_id_of_its_request(self) -> None:
        with self.assertRaises(AuthenticationError) as refused:
            connect(api_key="a key that nobody was given").models.list()
        self.assertTrue(refused.exception.request_id)

    def test_of_a_cancel_that_comes_too_late_is_no_reason_to_try_again(self) -> None:
        job = start_job(self.client, method=ENDLESS)
        self.client.fine_tuning.jobs.cancel(job.id)
        job_when(self.client, job.id, "cancelled")
        wire = Wire()
        with self.assertRaises(ConflictError):
            connect(http_client=DefaultHttpxClient(transport=wire)).fine_tuning.jobs.cancel(job.id)
        self.assertEqual(wire.calls, 1)

    def test_of_the_connection_starts_no_job_twice(self) -> None:
        training_file = upload_rows(self.client).id
        mark = {"mark": f"python-{time.time_ns()}"}
        wire = Wire(loses=1)
        losing = connect(http_client=DefaultHttpxClient(transport=wire), max_retries=2)
        job = start_job(losing, training_file=training_file, method=ENDLESS, metadata=mark)
        self.assertEqual(wire.calls, 2)
        self.assertEqual([found.id for found in self.client.fine_tuning.jobs.list(metadata=mark)], [job.id])
        self.client.fine_tuning.jobs.cancel(job.id)


if __name__ == "__main__":
    unittest.main()
