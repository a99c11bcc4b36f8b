import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type TestScope, temporaryFolder } from './scope.ts'

const run = promisify(execFile)

/** Paths of a certificate and its key, and what is in them. */
export interface Pair {
  readonly certFile: string
  readonly keyFile: string
  readonly cert: string
  readonly key: string
}

export interface IssueOptions {
  /** As openssl writes it: `/O=demo/CN=truck-7`. */
  readonly subject: string
  readonly san?: string
  /** `YYYYMMDDHHMMSSZ`; a day from now when left out. */
  readonly until?: string
  readonly from?: string
}

/** A certificate authority made by openssl, which goes with the test. */
export interface Authority extends Pair {
  issue(options: IssueOptions): Promise<Pair>
  revoke(pair: Pair): Promise<void>
  /** The list of what was revoked so far, PEM. */
  revocationList(): Promise<string>
}

const KIND = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** The time of openssl's options, `ms` from now. */
export function opensslTime(ms: number): string {
  return `${new Date(Date.now() + ms)
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/\D/g, '')}Z`
}

/** Undefined, and the test skipped, without openssl. */
export async function makeAuthority(t: TestScope, name = 'Test CA'): Promise<Authority | undefined> {
  const folder = await temporaryFolder(t)
  const file = (...parts: string[]) => join(folder, ...parts)
  await mkdir(file('issued'))
  await Promise.all([
    writeFile(file('index.txt'), ''),
    writeFile(file('index.txt.attr'), 'unique_subject = no\n'),
    writeFile(file('serial'), '1000\n'),
    writeFile(file('crlnumber'), '1000\n'),
    writeFile(
      file('ca.conf'),
      `[ca]\ndefault_ca=own\n[own]\ndatabase=${file('index.txt')}\nserial=${file('serial')}\ncrlnumber=${file('crlnumber')}\nnew_certs_dir=${file('issued')}\ncertificate=${file('ca.pem')}\nprivate_key=${file('ca.key')}\ndefault_md=sha256\ndefault_days=2\ndefault_crl_days=2\npolicy=any\ncopy_extensions=copy\n[any]\ncommonName=optional\norganizationName=optional\n`,
    ),
  ])
  try {
    await run('openssl', [
      'req',
      '-x509',
      ...KIND,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      file('ca.key'),
      '-out',
      file('ca.pem'),
    ])
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    t.skip?.('openssl is not installed: there are no certificates')
    return undefined
  }
  const ca = (...args: string[]) => run('openssl', ['ca', '-batch', '-config', file('ca.conf'), ...args])
  let issued = 0
  return {
    ...(await pairOf(file('ca.pem'), file('ca.key'))),
    async issue({ subject, san, until, from }) {
      const base = file(`leaf-${++issued}`)
      const extension = san === undefined ? [] : ['-addext', `subjectAltName=${san}`]
      await run('openssl', [
        'req',
        '-new',
        ...KIND,
        '-subj',
        subject,
        ...extension,
        '-keyout',
        `${base}.key`,
        '-out',
        `${base}.csr`,
      ])
      const dates = until === undefined ? [] : ['-startdate', from ?? opensslTime(-86_400_000), '-enddate', until]
      await ca('-notext', ...dates, '-in', `${base}.csr`, '-out', `${base}.pem`)
      return pairOf(`${base}.pem`, `${base}.key`)
    },
    revoke: async pair => void (await ca('-revoke', pair.certFile)),
    async revocationList() {
      await ca('-gencrl', '-out', file('crl.pem'))
      return readFile(file('crl.pem'), 'utf8')
    },
  }
}

async function pairOf(certFile: string, keyFile: string): Promise<Pair> {
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')])
  return { certFile, keyFile, cert, key }
}
