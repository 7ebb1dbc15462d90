import type { Readable } from 'node:stream';
import { Failure } from '@anneal/contracts';

/** A part of a multipart body, as the framework hands it over. */
export type FormPart =
  | {
      readonly type: 'file';
      readonly fieldname: string;
      readonly filename: string | undefined;
      readonly file: Readable;
    }
  | { readonly type: 'field'; readonly fieldname: string; readonly value: unknown; readonly valueTruncated?: boolean };

export interface MultipartRequest {
  isMultipart(): boolean;
  parts(options?: object): AsyncIterable<FormPart>;
}

export interface ReadForm<Content> {
  readonly fields: Readonly<Record<string, string>>;
  readonly filename: string;
  readonly content: Content;
}

/**
 * Reads a form with one file, whose bytes are consumed while they arrive. Fields may stand before or after it, as the
 * official clients send them.
 *
 * @param fileField name of the field that holds the file
 * @throws Failure REQUEST_INVALID or MEDIA_TYPE_UNSUPPORTED
 */
export async function readForm<Content extends { remove(): Promise<void> }>(
  request: MultipartRequest,
  fileField: string,
  consume: (file: Readable) => Promise<Content>,
): Promise<ReadForm<Content>> {
  if (!request.isMultipart()) {
    throw new Failure('MEDIA_TYPE_UNSUPPORTED', 'A file is sent as multipart/form-data.', {
      remedy: `Send a form with the file in the field "${fileField}".`,
    });
  }
  const fields: Record<string, string> = {};
  let found: { filename: string; content: Content } | undefined;
  try {
    for await (const part of request.parts()) {
      if (part.type === 'field') {
        if (part.valueTruncated) throw invalid(part.fieldname, 'is too long');
        fields[part.fieldname] = String(part.value);
      } else if (part.fieldname !== fileField || found) {
        part.file.resume();
        throw invalid(part.fieldname, found ? 'is a second file' : `is no field for a file; use "${fileField}"`);
      } else {
        found = { filename: part.filename ?? '', content: await consume(part.file) };
      }
    }
    if (!found) throw invalid(fileField, 'is missing');
    return { fields, ...found };
  } catch (error) {
    await found?.content.remove();
    throw unreadable(error);
  }
}

/** What the parser of forms throws has no code of its own: it is the form that is wrong. */
function unreadable(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof Failure || 'code' in error) return error;
  return new Failure('REQUEST_INVALID', `The form cannot be read: ${error.message.replace(/\.$/, '')}.`, {
    remedy: 'Send a complete multipart/form-data body.',
    cause: error,
  });
}

function invalid(field: string, problem: string): Failure {
  return new Failure('REQUEST_INVALID', `The field "${field}" ${problem}.`, {
    remedy: 'Send the form as the reference of the API describes it.',
    field,
  });
}
