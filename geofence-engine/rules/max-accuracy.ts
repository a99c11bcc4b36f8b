import type { FenceProperties, Location } from '../../contract/index.ts'

/** `maxAccuracy`: a worse fix says nothing about this fence. A fix that does not tell its accuracy is taken as good. */
export function isAccurateEnough({ maxAccuracy }: FenceProperties, { accuracy }: Location): boolean {
  return maxAccuracy === undefined || accuracy === undefined || accuracy <= maxAccuracy
}
