import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyState, evaluateFix, readFence, unchanging } from '../../geofence-engine/index.ts'
import { device, indexOf } from '../support/fence-timeline.ts'
import { shareShape } from '../support/shapes.ts'

const square = readFence({
  type: 'Feature',
  id: 'f',
  geometry: {
    type: 'Polygon',
    coordinates: [
      [
        [-0.01, -0.01],
        [0.01, -0.01],
        [0.01, 0.01],
        [-0.01, 0.01],
        [-0.01, -0.01],
      ],
    ],
  },
  properties: { dwellSeconds: 600 },
})

test('what is remembered of a fence has one shape for all devices', () => {
  const surroundings = unchanging(device, indexOf(square))
  const memoryAfter = (fixes: number) => {
    let state = emptyState()
    for (let i = 0; i < fixes; i += 1) {
      const lng = i === 0 ? 0.02 : 0
      state = evaluateFix(surroundings, state, { timestamp: i * 60_000, location: { lng, lat: 0 } }).state
    }
    const memory = state.fences.f
    assert.ok(memory?.stay)
    return memory
  }
  assert.ok(shareShape(() => memoryAfter(3)))
})
