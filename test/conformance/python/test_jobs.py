"""Jobs: create, list, retrieve, cancel, pause, resume, list_events, checkpoints.list."""

import time
import unittest

from openai import BadRequestError, ConflictError, NotFoundError

from system import (
    ENDLESS,
    GOOD_PAIRS,
    MIDDLING,
    MODEL,
    MODEL_THAT_IS_MISSING,
    MODEL_WITH_OWNER,
    connect,
    job_when,
    start_job,
    trained_job,
    upload_rows,
)


class JobsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = connect()
        self.jobs = self.client.fine_tuning.jobs

    def test_go_from_rows_to_a_model_with_its_story(self) -> None:
        extension = {"anneal": {"training": {"checkpointEvery": 20}}}
        job, model = trained_job(
            self.client,
            method=MIDDLING,
            suffix="python",
            seed=7,
            metadata={"team": "math"},
            extra_body=extension,
        )
        self.assertRegex(job.id, r"^ftjob-")
        self.assertEqual((job.object, job.model, job.seed), ("fine_tuning.job", MODEL, 7))
        self.assertEqual(job.metadata, {"team": "math"})
        self.assertEqual(job.hyperparameters.n_epochs, 8)
        self.assertRegex(model, r"^ft:tiny:default:python:.+")
        self.assertGreaterEqual(job.finished_at or 0, job.created_at)

        for result in job.result_files:
            self.assertEqual(self.client.files.retrieve(result).purpose, "fine-tune-results")
            header, *lines = self.client.files.content(result).text.strip().split("\n")
            self.assertEqual(header, "step,train_loss,learning_rate")
            self.assertGreater(len(lines), 0)
        self.assertGreater(len(job.result_files), 0)

        events = list(self.jobs.list_events(job.id, limit=3))
        self.assertEqual(len({event.id for event in events}), len(events))
        times = [event.created_at for event in events]
        self.assertEqual(times, sorted(times, reverse=True))
        self.assertIn("metrics", [event.type for event in events])

        checkpoints = list(self.jobs.checkpoints.list(job.id, limit=1))
        self.assertGreater(len(checkpoints), 0)
        for checkpoint in checkpoints:
            self.assertRegex(checkpoint.id, r"^ftckpt-")
            self.assertEqual(checkpoint.fine_tuning_job_id, job.id)
            name = f"{model}:ckpt-step-{checkpoint.step_number}"
            self.assertEqual(checkpoint.fine_tuned_model_checkpoint, name)
            self.assertEqual(checkpoint.metrics.step, checkpoint.step_number)

        with self.assertRaises(ConflictError):
            self.jobs.cancel(job.id)

    def test_start_from_a_model_whose_name_has_an_owner(self) -> None:
        _, model = trained_job(self.client, model=MODEL_WITH_OWNER)
        self.assertEqual(self.client.models.retrieve(model).id, model)

    def test_are_paused_and_resumed(self) -> None:
        job = start_job(self.client, method=MIDDLING)
        job_when(self.client, job.id, "running")
        self.assertEqual(self.jobs.pause(job.id).id, job.id)
        job_when(self.client, job.id, "paused")
        self.assertEqual(self.jobs.resume(job.id).id, job.id)
        self.assertIsNotNone(job_when(self.client, job.id, "succeeded").fine_tuned_model)

    def test_are_cancelled_once(self) -> None:
        job = start_job(self.client, method=ENDLESS)
        self.assertEqual(self.jobs.cancel(job.id).id, job.id)
        self.assertIsNone(job_when(self.client, job.id, "cancelled").fine_tuned_model)
        with self.assertRaises(ConflictError) as refused:
            self.jobs.cancel(job.id)
        self.assertEqual(refused.exception.response.headers["x-should-retry"], "false")

    def test_that_fail_say_why(self) -> None:
        job = job_when(self.client, start_job(self.client, model=MODEL_THAT_IS_MISSING).id, "failed")
        assert job.error is not None
        self.assertTrue(job.error.code and job.error.message)

    def test_have_numbers_for_what_was_left_to_them(self) -> None:
        training_file = upload_rows(self.client).id
        job = self.jobs.create(
            model=MODEL,
            training_file=training_file,
            hyperparameters={"n_epochs": 50, "batch_size": "auto", "learning_rate_multiplier": "auto"},
        )
        self.jobs.cancel(job.id)
        self.assertEqual(job.hyperparameters.n_epochs, 50)
        self.assertIsInstance(job.hyperparameters.batch_size, int)
        self.assertIsInstance(job.hyperparameters.learning_rate_multiplier, (int, float))

    def test_are_listed_over_pages_and_by_metadata(self) -> None:
        training_file = upload_rows(self.client).id
        mark = {"list": f"python-{time.time_ns()}"}
        ids = [
            start_job(self.client, training_file=training_file, method=ENDLESS, metadata={**mark, "turn": turn}).id
            for turn in ("1", "2", "3")
        ]
        for job_id in ids:
            self.jobs.cancel(job_id)
        newest_first = [job.id for job in self.jobs.list(limit=2)]
        self.assertEqual(newest_first[:3], ids[::-1])
        self.assertEqual([job.id for job in self.jobs.list(limit=2, metadata=mark)], ids[::-1])
        self.assertEqual([job.id for job in self.jobs.list(metadata={**mark, "turn": "2"})], [ids[1]])

    def test_learn_from_preference_pairs(self) -> None:
        training_file = upload_rows(self.client, GOOD_PAIRS).id
        asked = {"beta": 0.2, "batch_size": 4, "learning_rate_multiplier": "auto", "n_epochs": "auto"}
        method = {"type": "dpo", "dpo": {"hyperparameters": asked}}
        job, model = trained_job(self.client, training_file=training_file, method=method)
        self.assertEqual(self.client.models.retrieve(model).id, model)
        assert job.method is not None and job.method.dpo is not None and job.method.dpo.hyperparameters is not None
        settled = job.method.dpo.hyperparameters
        self.assertEqual((job.method.type, settled.beta, settled.n_epochs), ("dpo", 0.2, 1))
        metrics = [event.data for event in self.jobs.list_events(job.id) if event.type == "metrics"]
        self.assertIn("reward_margin", metrics[0])
        with self.assertRaises(BadRequestError) as refused:
            start_job(self.client, training_file=training_file)
        self.assertEqual(refused.exception.param, "training_file")

    def test_are_refused_with_the_name_of_the_field(self) -> None:
        training_file = upload_rows(self.client).id
        bad_file = upload_rows(self.client, b"no JSON\n").id
        refused = {
            "model": {"model": "unknown"},
            "training_file": {"training_file": bad_file},
            "suffix": {"suffix": "x" * 65},
            "method.type": {"method": {"type": "reinforcement"}},
            "learning_rte": {"extra_body": {"learning_rte": 1}},
        }
        for param, change in refused.items():
            with self.subTest(param):
                with self.assertRaises(BadRequestError) as error:
                    start_job(self.client, **{"training_file": training_file, **change})
                self.assertEqual(error.exception.param, param)

    def test_are_not_found_under_ids_that_nobody_gave(self) -> None:
        with self.assertRaises(NotFoundError) as refused:
            self.jobs.retrieve("ftjob-x")
        self.assertEqual(refused.exception.code, "fine_tune_not_found")


if __name__ == "__main__":
    unittest.main()
