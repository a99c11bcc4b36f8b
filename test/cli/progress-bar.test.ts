import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { progressBar } from '../../cli/progress-bar.ts'

function bar(isTTY: boolean) {
  let now = 0
  const stream = Object.assign(new PassThrough(), { isTTY })
  const progress = progressBar(stream, () => now)
  const written = () => String(stream.read() ?? '')
  const passes = (ms: number) => {
    now += ms
  }
  return { progress, written, passes }
}

test('on a terminal it is one line that moves, no oftener than five times a second, and is gone at the end', () => {
  const { progress, written, passes } = bar(true)
  progress.tell(500, 1_000)
  assert.equal(written(), `\r[${'='.repeat(15)}${' '.repeat(15)}] 50 %, 500 of 1000 fixes\x1b[K`)
  passes(100)
  progress.tell(600, 1_000)
  assert.equal(written(), '')
  passes(100)
  progress.tell(1_000, 1_000)
  assert.match(written(), /100 %, 1000 of 1000/)
  progress.end()
  assert.equal(written(), '\r\x1b[K')
  progress.end()
  assert.equal(written(), '')
})

test('elsewhere it is a line every few seconds, and none of what is done at once', () => {
  const { progress, written, passes } = bar(false)
  progress.tell(1, 3)
  progress.tell(0, 0)
  passes(5_000)
  progress.tell(1, 3)
  progress.tell(2, 3)
  progress.end()
  assert.equal(written(), `[${'='.repeat(10)}${' '.repeat(20)}] 33 %, 1 of 3 fixes\n`)
})
