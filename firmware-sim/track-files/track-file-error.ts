import { TrackwireError } from '../../contract/index.ts'

export type TrackFileFault =
  | 'unreadable'
  | 'unknown-format'
  | 'syntax'
  | 'column-missing'
  | 'value-invalid'
  | 'out-of-range'
  | 'empty'
  | 'no-times'

/**
 * A track file that cannot be used: `request_invalid` with `details: { fault, file, line? }`; the message names all three.
 * @param line counted from 1; left out where the fault has no one place
 */
export function trackFileError(
  fault: TrackFileFault,
  file: string,
  line: number | undefined,
  cause: string,
  error?: unknown,
): TrackwireError {
  const place = line === undefined ? file : `${file}, line ${line}`
  return new TrackwireError('request_invalid', `${place}: ${cause}`, {
    cause: error,
    details: { fault, file, ...(line === undefined ? {} : { line }) },
  })
}
