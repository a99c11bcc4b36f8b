import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mostOpenFiles, tooFewOpenFiles } from '../../cli/open-files.ts'

const limits = (soft: string) => () =>
  `Limit                     Soft Limit           Hard Limit           Units\nMax open files            ${soft.padEnd(20)} 1048576              files\n`

test('the limit of open files is read where the system tells it', () => {
  assert.equal(mostOpenFiles(limits('1024')), 1_024)
  assert.equal(mostOpenFiles(limits('unlimited')), Number.POSITIVE_INFINITY)
  assert.equal(
    mostOpenFiles(() => 'nothing of it'),
    undefined,
  )
  assert.equal(
    mostOpenFiles(() => {
      throw new Error('no such file')
    }),
    undefined,
  )
})

test('a limit that a fleet will meet is told with how to raise it', () => {
  assert.match(tooFewOpenFiles(1_024) ?? '', /at most 1024 files.*ulimit -n 65536/)
  assert.equal(tooFewOpenFiles(65_536), undefined)
  assert.equal(tooFewOpenFiles(Number.POSITIVE_INFINITY), undefined)
})
