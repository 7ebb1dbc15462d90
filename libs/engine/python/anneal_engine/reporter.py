"""Axolotl plugin that reports a training as events and lets it be stopped gracefully.

In the YAML: `plugins: ["anneal_engine.reporter.ReporterPlugin"]`. In the environment:

    ANNEAL_EVENTS     file to which the events are appended (see `events.py`)
    ANNEAL_STOP_FILE  as soon as this file exists, the current step is finished, a whole checkpoint is written, and the
                      training ends with exit status 0

Every checkpoint gets the marker of `checkpoint_marker.py`. Exit status 0 alone proves nothing (it is also that of a
stopped or interrupted run): a training is complete only with `trainEnd` at its last step, `saved` and `done`.
"""

from __future__ import annotations

import importlib.metadata
import math
import os
import sys
from pathlib import Path
from typing import Any

import torch
from axolotl.integrations.base import BasePlugin
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from anneal_engine.checkpoint_marker import write_marker
from anneal_engine.events import emit, is_main_process
from anneal_engine.pair_tokens import answer_tokens, learnt_by

STOP_FILE_VARIABLE = "ANNEAL_STOP_FILE"
REPORTED_PACKAGES = ("axolotl", "torch", "transformers", "accelerate", "peft", "trl", "datasets")

# Names of Axolotl's and Transformers' log values -> fields of the events
LOG_FIELDS = {
    "loss": "loss",
    "grad_norm": "gradNorm",
    "learning_rate": "learningRate",
    "ppl": "perplexity",
    "epoch": "epoch",
    "tokens/train_per_sec_per_gpu": "tokensPerSecondPerGpu",
    "tokens/trainable": "trainableTokens",
    "tokens/total": "totalTokens",
    "rewards/accuracies": "rewardAccuracy",
    "rewards/margins": "rewardMargin",
    "rewards/chosen": "chosenReward",
    "rewards/rejected": "rejectedReward",
    "logps/chosen": "chosenLogProbability",
    "logps/rejected": "rejectedLogProbability",
    "memory/max_active (GiB)": "memoryActiveGib",
    "memory/max_allocated (GiB)": "memoryAllocatedGib",
    "memory/device_reserved (GiB)": "memoryReservedGib",
}
SUMMARY_FIELDS = {
    "train_runtime": "runtimeSeconds",
    "train_samples_per_second": "samplesPerSecond",
    "train_steps_per_second": "stepsPerSecond",
    "train_loss": "meanLoss",
    "total_flos": "totalFlos",
    "epoch": "epoch",
}
EVAL_FIELDS = {
    "eval_loss": "loss",
    "eval_ppl": "perplexity",
    "eval_runtime": "runtimeSeconds",
    "eval_samples_per_second": "samplesPerSecond",
    "epoch": "epoch",
}


class LossNotFinite(RuntimeError):
    """The training loss became NaN or infinite: nothing useful can follow."""


def renamed(values: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The values that have a name of ours, under that name."""
    return {names[key]: value for key, value in values.items() if key in names}


def distributed() -> bool:
    """True if several processes train together."""
    dist = torch.distributed
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def true_on_any_rank(flag: bool) -> bool:
    """The same answer on every rank: they must agree before they stop, or the others wait for ever."""
    if not distributed():
        return flag
    on_cpu = torch.distributed.get_backend() == "gloo"
    device = torch.device("cpu") if on_cpu else torch.device("cuda", torch.cuda.current_device())
    votes = torch.tensor([int(flag)], device=device)
    torch.distributed.all_reduce(votes, op=torch.distributed.ReduceOp.MAX)
    return bool(votes.item())


def gets_adapter_in_trainer(cfg: Any) -> bool:
    """True if TRL puts the adapter beside the weights, as it does when it learns from pairs."""
    return bool(cfg.get("rl")) and bool(cfg.get("adapter"))


class Reporter(TrainerCallback):
    """Turns the trainer's callbacks into events."""

    def __init__(self) -> None:
        self.stopped = False
        # Of a training on preference pairs
        self.tokens_per_epoch: int | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        emit(
            "trainBegin",
            step=state.global_step,
            maxSteps=state.max_steps,
            epochs=state.num_train_epochs,
            worldSize=args.world_size,
            outputDir=args.output_dir,
        )

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        stop_file = os.environ.get(STOP_FILE_VARIABLE)
        asked = bool(stop_file) and is_main_process() and os.path.exists(stop_file)
        if true_on_any_rank(asked) and state.global_step < state.max_steps:
            self.stopped = True
            emit("stopping", step=state.global_step)
            control.should_save = True
            control.should_training_stop = True
        return control

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        logs = logs or {}
        if "train_runtime" in logs:
            emit("summary", step=state.global_step, **renamed(logs, SUMMARY_FIELDS))
        elif "loss" in logs:
            fields = renamed(logs, LOG_FIELDS)
            if self.tokens_per_epoch is not None:
                fields["trainableTokens"] = learnt_by(state.epoch, self.tokens_per_epoch)
            emit("log", step=state.global_step, **fields)
            if not math.isfinite(logs["loss"]):
                raise LossNotFinite(f"the loss of step {state.global_step} is {logs['loss']}")

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        emit("eval", step=state.global_step, **renamed(metrics or {}, EVAL_FIELDS))

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        # The trainer calls this once weights, optimizer, scheduler, random states and trainer_state.json are written,
        # but each rank on its own: the others may still be writing their part.
        if distributed():
            torch.distributed.barrier()
        checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if not is_main_process() or not checkpoint.is_dir():
            return
        files = write_marker(checkpoint, state.global_step)
        size = sum(int(entry["size"]) for entry in files.values())
        emit("save", step=state.global_step, checkpoint=str(checkpoint), files=len(files), bytes=size)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        emit("trainEnd", step=state.global_step, maxSteps=state.max_steps, stopped=self.stopped)


class ReporterPlugin(BasePlugin):
    """The plugin that Axolotl loads."""

    def __init__(self) -> None:
        super().__init__()
        self.reporter = Reporter()
        self.post_train_calls = 0
        self.model_reported = False

    def register(self, cfg: Any) -> None:
        """First sign of life: the configuration was read."""
        emit(
            "hello",
            versions={name: importlib.metadata.version(name) for name in REPORTED_PACKAGES},
            gpus=[torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
            resumeFrom=cfg.get("resume_from_checkpoint"),
        )

    def load_datasets(self, cfg: Any, preprocess: bool = False) -> None:
        """The first hook after the configuration is final; returning None leaves the loading to Axolotl.

        For several processes Axolotl sets device_map to {"": LOCAL_RANK}, which means a GPU even on a host without one.
        """
        if not torch.cuda.is_available() and int(os.environ.get("WORLD_SIZE", "1")) > 1:
            cfg.device_map = {"": "cpu"}

    def get_training_args(self, cfg: Any) -> dict[str, Any]:
        """Extra TrainingArguments: the CPU where there is no GPU, and losses logged as they are, NaN included."""
        extra: dict[str, Any] = {"logging_nan_inf_filter": False}
        if not torch.cuda.is_available():
            extra["use_cpu"] = True
        return extra

    def post_model_load(self, cfg: Any, model: PreTrainedModel) -> None:
        """Reports the model's size, unless it gets its adapter later."""
        # A full preference training loads the reference, too.
        if not gets_adapter_in_trainer(cfg) and not self.model_reported:
            self.report_model(model)

    def report_model(self, model: torch.nn.Module) -> None:
        """The model's size, and how many of its parameters are trained."""
        self.model_reported = True
        parameters = list(model.parameters())
        emit(
            "modelLoaded",
            parameters=sum(parameter.numel() for parameter in parameters),
            trainable=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        )

    def post_trainer_create(self, cfg: Any, trainer: Trainer) -> None:
        """Reports how many rows are left after Axolotl dropped those that are too long."""
        if gets_adapter_in_trainer(cfg):
            self.report_model(trainer.model)
        if cfg.get("rl") and is_main_process():
            self.reporter.tokens_per_epoch = answer_tokens(trainer.train_dataset)
        rows = {"trainRows": trainer.train_dataset, "evalRows": trainer.eval_dataset}
        emit("dataLoaded", **{name: len(data) for name, data in rows.items() if hasattr(data, "__len__")})

    def add_callbacks_pre_trainer(self, cfg: Any, model: PreTrainedModel) -> list[TrainerCallback]:
        """Hands the reporting callback to the trainer."""
        return [self.reporter]

    def post_train(self, cfg: Any, model: PreTrainedModel) -> None:
        """Axolotl calls this twice: after the loop, and once the final model is in the output directory."""
        self.post_train_calls += 1
        emit("trained" if self.post_train_calls == 1 else "saved", outputDir=cfg.output_dir)

    def post_train_unload(self, cfg: Any) -> None:
        """Runs in a `finally`, so also after a crash: only without an exception is it the end of a good run."""
        error = sys.exc_info()[1]
        if error is None and self.post_train_calls >= 2:
            emit("done", stopped=self.reporter.stopped)
        else:
            emit("failed", error=type(error).__name__, message=str(error)[:2000])


if not torch.cuda.is_available():
    # Axolotl asks CUDA for peer access as soon as there are two processes, and dies on a host without a GPU
    torch.cuda.can_device_access_peer = lambda *_: False
