import { buildTopic, type ErrorNotice, type Principal } from '../contract/index.ts'
import type { BrokerMetrics } from './metrics.ts'
import type { Publish } from './publish.ts'

export type Tell = (principal: Pick<Principal, 'org' | 'sub'>, notice: ErrorNotice) => void

/** Tells a principal on `{org}/users/{sub}/errors` what was refused, and counts it. */
export function createNotices(publish: Publish, metrics: BrokerMetrics): Tell {
  return ({ org, sub }, notice) => {
    if (notice.code !== 'token_expiring') metrics.refused.inc({ code: notice.code })
    const payload = JSON.stringify({ ...notice, topic: notice.topic.slice(0, 512) })
    void publish({ topic: buildTopic('errors', { org, userId: sub }), payload, qos: 0, retain: false }).catch(() => {
      // The broker is closing; nobody is left to be told.
    })
  }
}
