import { type Command, UsageError } from '../command.ts'
import { addDevice } from './device/add.ts'
import { importDeviceList } from './device/import.ts'
import { printDevices } from './device/list.ts'
import { printPhoneSetup } from './device/phone.ts'

const VERBS = { add: addDevice, import: importDeviceList, list: printDevices, phone: printPhoneSetup }

export const deviceCommand: Command = {
  help: `Usage: trackwire device add ID --org ORG [--name NAME] [--ttl TIME]
       trackwire device import FILE --org ORG [--dry-run] [--partial] [--tokens]
       trackwire device list --org ORG [--json]
       trackwire device phone ID --org ORG --address URL [--mode MODE] [--friends IDS] [--link | --qr]

add registers a device and prints its token, alone, on standard output. A device that is registered already keeps its
data; it gets another token.

import registers or changes up to 10,000 devices: all of them, or, when a line is wrong, none. FILE is CSV in UTF-8 with
the header id,name,groups (groups parted by ; or |), or a JSON array of the same. An empty cell leaves what is there.

list prints the devices of an organisation, one a line: id, name, groups.

phone prints the settings of OwnTracks for a device as a .otrc file, with a new token in them.

All work beside a running platform and without one.

  --org ORG        organisation the devices belong to
  --name NAME      a name for people
  --ttl TIME       how long the token is valid: 15m, 1h, 30d [3650d]
  --dry-run        only say what the import would do
  --partial        leave wrong lines out instead of refusing all
  --tokens         print id,token of each new device as CSV on standard output
  --json           print a JSON array
  --address URL    how phones reach the platform, like https://track.example.org
  --mode MODE      mqtt or http [mqtt]
  --friends IDS    other devices that the app shows, comma separated
  --link           print the link that sets the app up, instead of the file
  --qr             print the link as a QR code
  --config FILE    read settings from FILE
  --help           this text
`,
  async run([verb, ...args], context) {
    if (verb === undefined || !Object.hasOwn(VERBS, verb))
      throw new UsageError('say "trackwire device add ID", "import FILE", "list" or "phone ID", each with --org ORG')
    return VERBS[verb as keyof typeof VERBS](args, context)
  },
}
