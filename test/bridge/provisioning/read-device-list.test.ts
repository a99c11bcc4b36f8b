import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CsvFault, readCsv } from '../../../bridge/provisioning/csv.ts'
import { readDeviceArray, readDeviceCsv } from '../../../bridge/provisioning/read-device-list.ts'
import { TrackwireError } from '../../../contract/index.ts'

const csv = (text: string) => readDeviceCsv(Buffer.from(text))
const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`

test('RFC 4180: what is quoted comes back as it was, whatever it holds', () => {
  const records = fc.array(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 2, maxLength: 5 }), { maxLength: 20 })
  fc.assert(
    fc.property(
      records,
      fc.constantFrom(',', ';', '\t'),
      fc.constantFrom('\n', '\r\n', '\r'),
      (rows, delimiter, end) => {
        const text = rows.map(row => row.map(quoted).join(delimiter) + end).join('')
        assert.deepEqual(
          readCsv(text, delimiter).map(({ cells }) => cells),
          rows,
        )
      },
    ),
  )
})

test('plain cells, empty cells, empty lines and a last line without an end', () => {
  const read = readCsv('a,b\n\n,x\r\ny,\rz', ',')
  assert.deepEqual(read, [
    { line: 1, cells: ['a', 'b'] },
    { line: 3, cells: ['', 'x'] },
    { line: 4, cells: ['y', ''] },
    { line: 5, cells: ['z'] },
  ])
  assert.deepEqual(readCsv('a,', ','), [{ line: 1, cells: ['a', ''] }])
})

test('lines are counted through quoted line ends', () => {
  assert.deepEqual(
    readCsv('a\n"x\r\ny\nz"\nb', ',').map(({ line }) => line),
    [1, 2, 5],
  )
})

for (const [text, line] of [
  ['a\n"never ends', 2],
  ['"a" b', 1],
] as const) {
  test(`no CSV: ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => readCsv(text, ','),
      (error: CsvFault) => error instanceof CsvFault && error.line === line,
    )
  })
}

const EXPECTED = [
  { id: 'truck-7', name: 'Seven, the "old" one', groups: ['vans', 'north'] },
  { id: 'truck-8', name: undefined, groups: undefined },
]

for (const [what, text] of [
  ['commas and LF', 'id,name,groups\ntruck-7,"Seven, the ""old"" one",vans;north\ntruck-8,,\n'],
  ['CRLF and a byte order mark', '\uFEFFid,name,groups\r\ntruck-7,"Seven, the ""old"" one",vans|north\r\ntruck-8,,'],
  ['semicolons', 'id;name;groups\ntruck-7;"Seven, the ""old"" one";"vans;north"\ntruck-8;;'],
  [
    'tabs, another order, spaces, capitals',
    ' Groups \tID\tName\nvans| north\t truck-7 \t"Seven, the ""old"" one"\n\ttruck-8\t',
  ],
  ['short lines', 'id,name,groups\ntruck-7,"Seven, the ""old"" one",vans;north;vans\ntruck-8'],
] as const) {
  test(`a list with ${what}`, () => {
    const { devices, faults } = csv(text)
    assert.deepEqual(faults, [])
    assert.deepEqual(devices, EXPECTED)
  })
}

test('ids alone are a list', () => {
  assert.deepEqual(
    csv('id\na\nb\n').devices.map(({ id }) => id),
    ['a', 'b'],
  )
})

test('every wrong line is named with its line, column, code and why', () => {
  const { devices, faults } = csv(
    'id,name,groups\ngood,,\nbad id,,\n,Nameless,\ngood,again,\nok,,a b\nok-2,"x\ny",\nlong,' +
      'n'.repeat(201) +
      ',\nmuch,a,b,c\n',
  )
  assert.deepEqual(
    devices.map(({ id }) => id),
    ['good', 'ok-2'],
  )
  assert.deepEqual(
    faults.map(({ line, column, code }) => [line, column, code]),
    [
      [3, 'id', 'payload_invalid'],
      [4, 'id', 'payload_invalid'],
      [5, 'id', 'conflict'],
      [6, 'groups', 'payload_invalid'],
      [9, 'name', 'payload_invalid'],
      [10, '', 'payload_invalid'],
    ],
  )
  assert.equal(faults[2]?.message, 'line 5, id: good is in line 2 already')
})

const refusal = (run: () => unknown): TrackwireError => {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof TrackwireError)
    return error
  }
  throw new Error('it was taken')
}

for (const [what, bytes, said] of [
  ['nothing', Buffer.from(''), /empty; begin it with the line id,name,groups/],
  ['a header alone', Buffer.from('id,name\n'), /no device in it/],
  ['an unknown column', Buffer.from('id,nom\nx,y\n'), /the column "nom" is not known/],
  ['no id column', Buffer.from('name\nx\n'), /there is no column id/],
  ['a column twice', Buffer.from('id,id\nx,y\n'), /the column id is there twice/],
  ['pipes between the cells', Buffer.from('id|name\nx|y\n'), /parted by commas, semicolons or tabs/],
  ['UTF-16', Buffer.from('\uFEFFid\nx\n', 'utf16le'), /UTF-16; save it as "CSV UTF-8"/],
  ['Latin-1', Buffer.from('id,name\nx,Jos\xe9\n', 'latin1'), /not UTF-8/],
  ['a NUL', Buffer.from('id\nx\0\n'), /not UTF-8 text/],
  [
    '10,001 devices',
    Buffer.from(`id\n${Array.from({ length: 10_001 }, (_, i) => `d-${i}`).join('\n')}`),
    /at most 10000/,
  ],
] as const) {
  test(`a list of ${what} is refused with the remedy`, () => {
    const error = refusal(() => readDeviceCsv(bytes))
    assert.equal(error.code, 'import_invalid')
    assert.match(error.message, said)
  })
}

test('a JSON array says the same, and its faults are told by place', () => {
  assert.deepEqual(readDeviceArray([{ id: 'a', name: 'A', groups: [] }]).devices, [{ id: 'a', name: 'A', groups: [] }])
  const { faults } = readDeviceArray([
    null,
    { id: 7 },
    { id: 'a', nom: 'x' },
    { id: 'b', groups: 'vans' },
    { id: 'c', name: 1 },
  ])
  assert.deepEqual(
    faults.map(({ line, column }) => [line, column]),
    [
      [1, ''],
      [2, 'id'],
      [3, 'nom'],
      [4, 'groups'],
      [5, 'name'],
    ],
  )
  assert.equal(refusal(() => readDeviceArray({})).code, 'import_invalid')
})
