/** Lies beside a model that was trained with a fixed text around every prompt. */
export const promptTemplateName = 'anneal-prompt.txt';
