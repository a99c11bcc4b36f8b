import assert from 'node:assert/strict'
import { test } from 'node:test'
import { holdOf, isInterlocked, needsSecondPerson, RECENT_FIX_MS } from '../../../bridge/commands/interlock.ts'

const NOW = Date.UTC(2026, 0, 15, 12)
const at = (ago: number, speed?: number) => ({
  timestamp: NOW - ago,
  location: { lat: 41.15, lng: -8.61, ...(speed === undefined ? {} : { speed }) },
})

for (const [what, newest, hold] of [
  ['never sent a position', null, 'no-fix'],
  ['stands, just now', at(0, 0), null],
  ['drifts while it stands', at(1_000, 1.49), null],
  ['creeps', at(1_000, 1.5), 'moving'],
  ['drives', at(1_000, 13.9), 'moving'],
  ['says no speed', at(1_000), 'speed-unknown'],
  ['stood a little less than two minutes ago', at(RECENT_FIX_MS, 0), null],
  ['stood more than two minutes ago', at(RECENT_FIX_MS + 1, 0), 'fix-old'],
  ['will stand in three minutes, by its own clock', at(-180_000, 0), 'fix-old'],
] as const) {
  test(`a vehicle that ${what}: ${hold ?? 'it may be stopped'}`, () => assert.equal(holdOf(newest, NOW), hold))
}

const stops = ({ text }: Readonly<Record<string, unknown>>) => text === 'RELAY,1#'

for (const [name, args, secondPerson, interlocked] of [
  ['immobilise', {}, true, true],
  ['immobilize', {}, true, true],
  ['Immobilise', {}, true, true],
  ['engineStop', {}, true, true],
  ['engine-stop', {}, true, true],
  ['output', { number: 1, on: true }, true, true],
  ['raw', { text: 'RELAY,1#' }, true, true],
  ['raw', { text: 'STATUS#' }, true, false],
  ['RAW', { text: 'RELAY,1#' }, true, true],
  ['mobilise', {}, false, false],
  ['engineResume', {}, false, false],
  ['locate', {}, false, false],
  ['reboot', {}, false, false],
] as const) {
  const needs = [secondPerson && 'a second person', interlocked && 'a standing vehicle'].filter(Boolean)
  test(`${name} ${JSON.stringify(args)} needs ${needs.join(' and ') || 'nothing'}`, () => {
    assert.equal(needsSecondPerson(name), secondPerson)
    assert.equal(isInterlocked({ name, args }, stops), interlocked)
  })
}
