import { familyOf, templateOf } from '@anneal/planning';
import { z } from 'zod';
import type { TokenizerFiles } from './tokenizer.files.js';

const modelConfig = z.object({
  model_type: z.string(),
  vocab_size: z.int().optional(),
  text_config: z.object({ vocab_size: z.int().optional() }).optional(),
});
const addedTokens = z.object({ added_tokens: z.array(z.object({ content: z.string() })).default([]) });

const takeTurns = `
{%- if (message.role == 'user') != (loop.index0 % 2 == 0) -%}
  {{- raise_exception('user and assistant have to take turns') -}}
{%- endif -%}`;
const modelTurn = `{{- '<start_of_turn>model\\n' -}}`;
const roleOfGemma = `('model' if message.role == 'assistant' else message.role)`;

/**
 * Templates that the trainer takes for base models without one, by the names that Axolotl has for them, for conversations
 * without tools. They say what its own say: https://github.com/axolotl-ai-cloud/axolotl, axolotl/utils/chat_templates.
 */
export const familyTemplates: Readonly<Record<string, string>> = {
  chatml: `
{%- for message in messages -%}
  {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}`,
  llama3: `
{%- for message in messages -%}
  {%- if loop.first -%}{{- bos_token -}}{%- endif -%}
  {{- '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + (message.content | trim) + '<|eot_id|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{%- endif -%}`,
  gemma: `
{{- bos_token -}}
{%- for message in messages -%}
  {%- if loop.first and message.role == 'system' -%}{{- raise_exception('it has no place for a system prompt') -}}{%- endif -%}
  ${takeTurns}
  {{- '<start_of_turn>' + ${roleOfGemma} + '\\n' + (message.content | trim) + '<end_of_turn>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}${modelTurn}{%- endif -%}`,
  gemma3: `
{{- bos_token -}}
{%- set begins = messages[0].role == 'system' -%}
{%- for message in (messages[1:] if begins else messages) -%}
  ${takeTurns}
  {{- '<start_of_turn>' + ${roleOfGemma} + '\\n' -}}
  {%- if begins and loop.first -%}{{- messages[0].content + '\\n\\n' -}}{%- endif -%}
  {{- (message.content | trim) + '<end_of_turn>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}${modelTurn}{%- endif -%}`,
};

/**
 * Adds the template of the model's family to a model without one, as the trainer does, where its vocabulary has the tokens
 * that the template needs.
 *
 * @param config config.json of the model
 */
export function withFamilyTemplate(files: TokenizerFiles, config: string | undefined): TokenizerFiles {
  const described = modelConfig.safeParse(config === undefined ? undefined : JSON.parse(config));
  if (!described.success) return files;
  const { model_type: type, ...sizes } = described.data;
  const family = familyOf(type, sizes.vocab_size ?? sizes.text_config?.vocab_size ?? 0);
  if (!family) return files;
  const known = new Set(addedTokens.parse(JSON.parse(files.tokenizer)).added_tokens.map(({ content }) => content));
  const template = familyTemplates[templateOf(family, known) ?? ''];
  return template === undefined ? files : { ...files, template, family: family.name };
}
