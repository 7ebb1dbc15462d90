import type { TrainingPlan } from '@anneal/contracts';

/** How several GPUs share the model; nothing for a single process and for DDP, which need no keys. */
export function shardingKeys({ strategy, zeroStage = 2, wrapClass, dpo }: TrainingPlan) {
  if (strategy === 'fsdp') {
    return {
      fsdp_version: 2,
      fsdp_config: {
        offload_params: false,
        // With pairs every process needs the reference, or the base of it, whole: TRL hands out no weights.
        cpu_ram_efficient_loading: !dpo,
        auto_wrap_policy: 'TRANSFORMER_BASED_WRAP',
        ...(wrapClass === undefined ? {} : { transformer_layer_cls_to_wrap: wrapClass }),
        // Sharded ones hang while they are saved, and the merger reads whole ones.
        state_dict_type: 'FULL_STATE_DICT',
        reshard_after_forward: true,
      },
    };
  }
  return strategy === 'deepspeed' ? { deepspeed: deepspeedConfig(zeroStage) } : {};
}

/** DeepSpeed's own configuration, inside of Axolotl's; `auto` is filled in from what Axolotl says to Accelerate. */
function deepspeedConfig(stage: number) {
  return {
    zero_optimization: {
      stage,
      overlap_comm: true,
      contiguous_gradients: true,
      ...(stage === 3
        ? {
            reduce_bucket_size: 'auto',
            stage3_prefetch_bucket_size: 'auto',
            stage3_param_persistence_threshold: 'auto',
            // Else what is saved are shards that only DeepSpeed can read.
            stage3_gather_16bit_weights_on_model_save: true,
          }
        : {}),
    },
    bf16: { enabled: true },
    // The 8-bit optimizers are not on DeepSpeed's own list.
    zero_allow_untested_optimizer: true,
    gradient_accumulation_steps: 'auto',
    gradient_clipping: 'auto',
    train_batch_size: 'auto',
    train_micro_batch_size_per_gpu: 'auto',
    wall_clock_breakdown: false,
  };
}

/** Axolotl's name of an optimizer. */
export function optimizerKey({ optimizer = 'adamw', device, strategy }: TrainingPlan): string {
  if (optimizer === 'adamw') return device === 'gpu' ? 'adamw_torch_fused' : 'adamw_torch';
  // The ones of bitsandbytes cannot work on shards of FSDP; the one of torchao can.
  return strategy === 'fsdp' && optimizer.endsWith('_8bit') ? 'adamw_torch_8bit' : optimizer;
}
