import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkSosPolicy } from '../../contract/index.ts'

const NOW = Date.UTC(2026, 0, 5)
const DAY = 86_400_000
const tiers = [{ afterSeconds: 60, notify: ['dispatcher'] }]

test('drills end by themselves: no policy makes every SOS a drill for longer than 31 days', () => {
  for (const drillUntil of [0, NOW, NOW + 31 * DAY])
    assert.equal(checkSosPolicy({ tiers, drillUntil }, NOW).drillUntil, drillUntil)
  for (const drillUntil of [NOW + 32 * DAY, 8_640_000_000_000_000])
    assert.throws(() => checkSosPolicy({ tiers, drillUntil }, NOW), {
      code: 'payload_invalid',
      message: /drillUntil must be within 31 days/,
    })
})
