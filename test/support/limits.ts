import { Registry } from 'prom-client'
import { type Limits, openLimits } from '../../broker/index.ts'
import { DEFAULT_LIMITS, type LimitSettings } from '../../contract/index.ts'
import { silent } from './broker.ts'

/** Limits whose clock stands still until the test moves it: how long a machine takes decides nothing. */
export interface TestLimits extends Limits {
  readonly registry: Registry
  wait(ms: number): void
}

export function testLimits(settings: Partial<LimitSettings> = {}, trustedProxies: readonly string[] = []): TestLimits {
  let nowMs = 1_000
  const registry = new Registry()
  const limits = openLimits({
    settings: { ...DEFAULT_LIMITS, ...settings },
    trustedProxies,
    registry,
    logger: silent,
    now: () => nowMs,
  })
  const wait = (ms: number) => {
    nowMs += ms
  }
  return { ...limits, registry, wait }
}
