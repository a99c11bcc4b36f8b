import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { acquireDataFolder, readLock } from '../../../bridge/index.ts'
import { type TestScope, temporaryFolder } from '../../support/scope.ts'

const LOCK_MODULE = new URL('../../../bridge/store/data-folder-lock.js', import.meta.url).href

/** Another process that holds the folder, or says why it cannot. */
async function holderProcess(t: TestScope, folder: string): Promise<{ child: ChildProcess; said: string }> {
  const program = `
    const { acquireDataFolder } = await import(${JSON.stringify(LOCK_MODULE)})
    try {
      await acquireDataFolder(${JSON.stringify(folder)}, { pid: process.pid })
      console.log('holds')
      setInterval(() => {}, 1e9)
    } catch (error) {
      console.log(error.message)
    }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(async () => void child.kill('SIGKILL'))
  const [said] = (await once(child.stdout!, 'data')) as [Buffer]
  return { child, said: said.toString().trim() }
}

test('a second process is told who holds the folder and what to do', async t => {
  const folder = await temporaryFolder(t)
  const lock = await acquireDataFolder(folder, { pid: process.pid })
  const { said } = await holderProcess(t, folder)
  assert.match(said, new RegExp(`in use by process ${process.pid}: stop that process, or set TRACKWIRE_DATA`))
  await lock.close()
  assert.equal((await holderProcess(t, folder)).said, 'holds')
})

test('the same process cannot take a folder twice', async t => {
  const folder = await temporaryFolder(t)
  const lock = await acquireDataFolder(folder, { pid: process.pid })
  t.after(() => lock.close())
  await assert.rejects(acquireDataFolder(folder, { pid: process.pid }), { name: 'DataFolderInUseError' })
})

test('a folder whose holder was killed is free at once', async t => {
  const folder = await temporaryFolder(t)
  const { child, said } = await holderProcess(t, folder)
  assert.equal(said, 'holds')
  assert.equal((await readLock(folder))?.pid, child.pid)
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
  assert.equal(await readLock(folder), null, 'lock.json is still there, but nobody holds the folder')
  const lock = await acquireDataFolder(folder, { pid: process.pid })
  assert.equal((await readLock(folder))?.pid, process.pid)
  await lock.close()
})

test('a lock file that names a living process does not make it the holder', async t => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'lock.json'), JSON.stringify({ pid: process.ppid, startedAt: 1 }))
  assert.equal(await readLock(folder), null)
  await (await acquireDataFolder(folder, { pid: process.pid })).close()
})

test('the lock tells where the platform answers, until it is given free', async t => {
  const folder = await temporaryFolder(t)
  const lock = await acquireDataFolder(folder, { pid: process.pid, now: () => 5 })
  assert.deepEqual(await readLock(folder), { pid: process.pid, startedAt: 5 })
  await lock.setHttpAddress('http://127.0.0.1:8080')
  assert.deepEqual(await readLock(folder), { pid: process.pid, startedAt: 5, httpAddress: 'http://127.0.0.1:8080' })
  assert.equal(lock.close(), lock.close())
  await lock.close()
  assert.equal(await readLock(folder), null)
  await assert.rejects(readFile(join(folder, 'lock.json')), { code: 'ENOENT' })
})

test('a folder that does not exist is held by nobody, and is made when it is taken', async t => {
  const folder = join(await temporaryFolder(t), 'new', 'folder')
  assert.equal(await readLock(folder), null)
  await (await acquireDataFolder(folder, { pid: process.pid })).close()
})
