"""The system under test as the official client sees it, and what its tests ask for again and again."""

from __future__ import annotations

import json
import time
from typing import Any

from openai import OpenAI
from openai.types import FileObject
from openai.types.fine_tuning import FineTuningJob
from openai.types.fine_tuning.job_create_params import Method

# Of one step each row, these leave enough time to pause or to cancel.
SHORT: Method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1, "batch_size": 4}}}
MIDDLING: Method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 8, "batch_size": 1}}}
ENDLESS: Method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 50, "batch_size": 1}}}

MODEL = "tiny"
MODEL_WITH_OWNER = "acme/slash"
MODEL_THAT_IS_MISSING = "nowhere"

PATIENCE_SECONDS = 90.0
ENDS = ("succeeded", "failed", "cancelled")


def connect(**options: Any) -> OpenAI:
    """A client that finds address and key where its users put them: in OPENAI_BASE_URL and OPENAI_API_KEY."""
    return OpenAI(**options)


def conversation(question: str, answer: str) -> str:
    """One line of a training file."""
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages}) + "\n"


GOOD_ROWS = "".join(conversation(f"question {n}", f"answer {n}") for n in range(40)).encode()


def preference(question: str, answer: str) -> str:
    """One line of a training file for the method dpo."""
    row = {
        "input": {"messages": [{"role": "user", "content": question}]},
        "preferred_output": [{"role": "assistant", "content": answer}],
        "non_preferred_output": [{"role": "assistant", "content": f"not {answer}"}],
    }
    return json.dumps(row) + "\n"


GOOD_PAIRS = "".join(preference(f"question {n}", f"answer {n}") for n in range(40)).encode()


def upload_rows(client: OpenAI, rows: bytes = GOOD_ROWS) -> FileObject:
    """Uploads rows and waits until they are checked."""
    file = client.files.create(file=("train.jsonl", rows), purpose="fine-tune")
    return client.files.wait_for_processing(file.id, poll_interval=0.1, max_wait_seconds=PATIENCE_SECONDS)


def start_job(client: OpenAI, *, model: str = MODEL, method: Method = SHORT, **change: Any) -> FineTuningJob:
    """Starts a job on good rows, changed as asked."""
    training_file = change.pop("training_file", None) or upload_rows(client).id
    return client.fine_tuning.jobs.create(model=model, method=method, training_file=training_file, **change)


def job_when(client: OpenAI, job_id: str, *statuses: str) -> FineTuningJob:
    """Waits until a job has one of the statuses, some of which the client's types do not have."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        job = client.fine_tuning.jobs.retrieve(job_id)
        if job.status in statuses:
            return job
        if job.status in ENDS or time.monotonic() > give_up_at:
            raise AssertionError(f"job {job_id} is not {' or '.join(statuses)}: {job.to_json()}")
        time.sleep(0.1)


def trained_job(client: OpenAI, **change: Any) -> tuple[FineTuningJob, str]:
    """Starts a job, and waits for its end and the name of its model."""
    job = job_when(client, start_job(client, **change).id, "succeeded")
    if job.fine_tuned_model is None:
        raise AssertionError(f"job {job.id} has no model")
    return job, job.fine_tuned_model
