import assert from 'node:assert/strict'
import { test } from 'node:test'
import { href, matchPath, routeOf } from '../../web-client/dashboard/src/pages/path.ts'

test('the fragment names the page; whatever names none is the front page', () => {
  const path = (fragment: string): string => routeOf(fragment).path
  assert.equal(path(''), '/')
  assert.equal(path('#'), '/')
  assert.equal(path('#code=abc'), '/')
  assert.equal(path('#/'), '/')
  assert.equal(path('#//'), '/')
  assert.equal(path('#/devices/truck-7/'), '/devices/truck-7')
  assert.equal(path('#/devices/truck-7?from=1'), '/devices/truck-7')
  assert.equal(routeOf('#/alerts?state=open&kind=sos').query.get('kind'), 'sos')
})

test('a pattern takes its parameters from a path, or is not of that page', () => {
  assert.deepEqual(matchPath('/', '/'), {})
  assert.deepEqual(matchPath('/devices/:deviceId', '/devices/truck-7'), { deviceId: 'truck-7' })
  assert.deepEqual(matchPath('/devices/:deviceId', '/devices/a%2Fb'), { deviceId: 'a/b' })
  for (const other of ['/', '/devices', '/devices/', '/devices/a/b', '/fences/a', '/devices/%E0%A4%A']) {
    assert.equal(matchPath('/devices/:deviceId', other), null, other)
  }
})

test('an address that is written is read again', () => {
  const address = href('/devices/:deviceId', { deviceId: 'ü/7?', at: '12' })
  const { path, query } = routeOf(address)
  assert.deepEqual(matchPath('/devices/:deviceId', path), { deviceId: 'ü/7?' })
  assert.equal(query.get('at'), '12')
  assert.equal(href('/'), '#/')
})
