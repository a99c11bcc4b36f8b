import { pageDeviceStates } from '../store/device-states.ts'
import { findOpenIncident, pageOpenIncidents } from '../store/incidents.ts'
import { pageCards } from '../store/owntracks.ts'
import { cardMessage } from './commit-card.ts'
import { fenceMessage } from './commit-fences.ts'
import { incidentMessage } from './commit-incidents.ts'
import type { Pipeline } from './pipeline.ts'
import { openMessage } from './sos-messages.ts'
import { type CommittedState, keyOf } from './state-cache.ts'

const PAGE = 500

/**
 * Gives the broker everything it should retain: open alerts, fences, every device's newest position. What it was given before a
 * crash may be older than what was committed. Page by page, so that live messages pass in between.
 */
export async function republishRetained(pipeline: Pipeline): Promise<void> {
  await republishAlerts(pipeline)
  await republishIncidents(pipeline)
  await republishFences(pipeline)
  await republishCards(pipeline)
  await republishPositions(pipeline)
}

async function republishAlerts({ announcer, alerts, states }: Pipeline): Promise<void> {
  for (const { org, deviceId, alert } of alerts) {
    const { topic } = openMessage(org, alert, null)
    await announcer.live(topic, () => {
      const open = alerts.get({ org, deviceId })
      return open === undefined ? null : openMessage(org, open, states.peek(keyOf({ org, deviceId }))?.newest ?? null)
    })
  }
}

async function republishIncidents(pipeline: Pipeline): Promise<void> {
  const { db, announcer, closing, committer } = pipeline
  let after: { org: string; id: string } | null = null
  while (!closing.aborted) {
    const page: Awaited<ReturnType<typeof pageOpenIncidents>> = await pageOpenIncidents(db, after, PAGE)
    for (const { org, body } of page) {
      // While nothing is being committed: what closes it later is announced later.
      await committer().change(async () => {
        const open = await findOpenIncident(db, org, body.incident.incidentId)
        if (open === undefined) return
        const message = incidentMessage(org, open.incident)
        void announcer.live(message.topic, () => message)
      })
    }
    if (page.length < PAGE) return
    after = { org: page.at(-1)!.org, id: page.at(-1)!.body.incident.incidentId }
  }
}

async function republishFences({ announcer, fences, closing }: Pipeline): Promise<void> {
  for (const org of fences.orgs()) {
    for (const { feature } of [...fences.of(org).all()]) {
      if (closing.aborted) return
      // Asked when its turn has come: it may have been changed or deleted meanwhile.
      await announcer.live(fenceMessage(org, feature.id, '').topic, () => {
        const fence = fences.of(org).get(feature.id)
        return fence === undefined ? null : fenceMessage(org, feature.id, JSON.stringify(fence.feature))
      })
    }
  }
}

async function republishCards({ db, announcer, closing }: Pipeline): Promise<void> {
  let after: Awaited<ReturnType<typeof pageCards>>[number] | null = null
  while (!closing.aborted) {
    const page: Awaited<ReturnType<typeof pageCards>> = await pageCards(db, after, PAGE)
    for (const card of page) {
      const message = cardMessage(card, card, card.newest)
      // One that is changed meanwhile is announced after this one.
      if (message !== null) void announcer.live(message.topic, () => message)
    }
    if (page.length < PAGE) return
    after = page.at(-1)!
  }
}

async function republishPositions({ db, positions, states, closing }: Pipeline): Promise<void> {
  let after: CommittedState | null = null
  while (!closing.aborted) {
    const page = await pageDeviceStates(db, { after, limit: PAGE })
    await Promise.all(
      page.map(async row => {
        const newest = states.peek(keyOf(row))?.newest ?? row.newest
        if (newest !== null) await positions.moved(row.org, row.deviceId, newest)
      }),
    )
    if (page.length < PAGE) return
    after = page.at(-1) as CommittedState
  }
}
