import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashClaimCode, newClaimCode, readClaimCode } from '../../../bridge/provisioning/claim-code.ts'
import { qrSvg } from '../../../bridge/provisioning/qr-code.ts'

test('a code is twelve letters that nobody mistakes, every one of them random', () => {
  const seen = Array.from({ length: 12 }, () => new Set<string>())
  for (let i = 0; i < 2_000; i++) {
    const code = newClaimCode()
    assert.match(code, /^([0-9A-HJKMNP-TV-Z]{4}-){2}[0-9A-HJKMNP-TV-Z]{4}$/)
    for (const [place, letter] of [...code.replaceAll('-', '')].entries()) seen[place]!.add(letter)
  }
  for (const letters of seen) assert.equal(letters.size, 32)
})

test('a code is read as people type it', () => {
  assert.equal(readClaimCode('7q2m-k4zt-9v0d'), '7Q2MK4ZT9V0D')
  assert.equal(readClaimCode(' 7Q2M K4ZT 9VOD '), '7Q2MK4ZT9V0D')
  assert.equal(readClaimCode('iLiL-0000-oOoO'), '111100000000')
  for (const none of ['', '7Q2M', '7Q2M-K4ZT-9V0U', '7Q2M-K4ZT-9V0D-1', '7Q2M-K4ZT-9V0é'])
    assert.equal(readClaimCode(none), null)
})

test('what is stored is not the code', () => {
  assert.match(hashClaimCode('7Q2MK4ZT9V0D'), /^[0-9a-f]{64}$/)
  assert.notEqual(hashClaimCode('7Q2MK4ZT9V0D'), hashClaimCode('7Q2MK4ZT9V0E'))
})

test('a QR code is drawn with its quiet zone, and nothing of the text stands in it', () => {
  const svg = qrSvg('https://track.example/claim#7Q2M-K4ZT-9V0D')
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 37 37"/)
  assert.ok(svg.includes('M4 4h1v1h-1z'), 'the first finder pattern')
  assert.ok(!svg.includes('claim'))
})
