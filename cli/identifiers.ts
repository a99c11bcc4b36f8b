import { isId, isOrg } from '../contract/index.ts'
import { UsageError } from './command.ts'

/** @throws UsageError */
export function checkOrg(org: string): void {
  if (!isOrg(org)) throw new UsageError(`--org "${org}" is not 1 to 63 of a-z 0-9 -`)
}

/**
 * @param what how the id was given, as in `--device`
 * @throws UsageError
 */
export function checkId(what: string, id: string): void {
  if (!isId(id)) throw new UsageError(`${what} "${id}" is not 1 to 64 of A-Z a-z 0-9 . _ : -`)
}

/**
 * Reads ids parted by commas.
 * @throws UsageError
 */
export function readIds(option: string, text: string): string[] {
  const ids = text.split(',').map(id => id.trim())
  for (const id of ids) checkId(`${option}:`, id)
  return ids
}
