import type { BucketOwner, LimitSettings } from '../../contract/index.ts'
import { isLoopback, plainAddress } from './addresses.ts'
import type { LimitMetrics } from './limit-metrics.ts'
import type { BucketState, RateLimits } from './rate-limits.ts'

/** What became of one HTTP request, and how its bucket stands; null where there is no limit. */
export interface RequestVerdict {
  /** 0 = granted. */
  readonly waitMs: number
  readonly bucket: BucketState | null
}

/** Limits of HTTP requests. */
export class RequestLimits {
  readonly #settings: LimitSettings
  readonly #rates: RateLimits
  readonly #metrics: LimitMetrics

  constructor(settings: LimitSettings, rates: RateLimits, metrics: LimitMetrics) {
    this.#settings = settings
    this.#rates = rates
    this.#metrics = metrics
  }

  /** A request of somebody known: a position draws from the same buckets as one over MQTT. */
  ofPrincipal(owner: BucketOwner, rateClass: 'location' | 'http'): RequestVerdict {
    return this.#take(owner, rateClass)
  }

  /** A request of a stranger, by address. */
  ofAddress(address: string): RequestVerdict {
    return this.#ofStranger(address, 'public')
  }

  /** A request with a token that is not good, by address. Apart from the log-in that would mend it. */
  ofRefused(address: string): RequestVerdict {
    return this.#ofStranger(address, 'general')
  }

  #ofStranger(address: string, rateClass: 'general' | 'public'): RequestVerdict {
    const plain = plainAddress(address)
    if (!this.#settings.publicPerMinute.loopback && isLoopback(plain)) return { waitMs: 0, bucket: null }
    return this.#take({ org: '', sub: plain }, rateClass)
  }

  #take(owner: BucketOwner, rateClass: 'location' | 'general' | 'http' | 'public'): RequestVerdict {
    const waitMs = this.#rates.take(owner, rateClass)
    if (waitMs > 0) this.#metrics.limited.inc({ class: rateClass, transport: 'http', outcome: 'refused' })
    return { waitMs, bucket: this.#rates.state(owner, rateClass) }
  }
}
