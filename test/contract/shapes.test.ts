import assert from 'node:assert/strict'
import { test } from 'node:test'
import { principalOf } from '../../contract/index.ts'
import { shareShape } from '../support/shapes.ts'

test('principals have one shape, whoever signed for them', () => {
  const claims = { sub: 'truck', role: 'device' as const, org: 'demo', exp: 2_000_000_000 }
  let signed = 0
  const principal = () =>
    principalOf(claims, signed++ % 2 === 0 ? { issuer: 'https://id.example', keyId: 'k-2' } : { keyId: 'k-1' })
  assert.ok(shareShape(principal))
})

test('objects that gain a key after a spread have none in common, which is what this is about', () => {
  const some = { a: 1, b: 2 }
  assert.ok(!shareShape(() => ({ ...some, key: 1 })))
})
