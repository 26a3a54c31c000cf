import { expect, test } from 'vitest';
import { isPublicAddress } from '../../../webhooks/addresses.ts';

const OWN_NETWORK: [what: string, addresses: string[]][] = [
  ['loopback', ['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1']],
  ['unspecified', ['0.0.0.0', '0.1.2.3', '::', '0::0']],
  ['private', ['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1']],
  ['link-local, where clouds keep their metadata', ['169.254.169.254', '169.254.0.1', 'fe80::1']],
  ['a zone of this machine', ['fe80::1%eth0', '2606:4700::1111%eth0']],
  ['metadata elsewhere', ['168.63.129.16', '100.100.100.200', '192.0.0.192', 'fd00:ec2::254']],
  ['shared by carriers', ['100.64.0.1', '100.127.255.255']],
  ['unique local and the old site-local', ['fc00::1', 'fdff::1', 'fec0::1']],
  ['multicast and broadcast', ['224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1']],
  ['reserved', ['240.0.0.1', '192.0.0.8', '198.18.0.1', '198.19.255.255', '192.88.99.1']],
  ['for documents', ['192.0.2.1', '198.51.100.7', '203.0.113.9', '2001:db8::1', '3fff::1']],
  ['IPv4 in IPv6, mapped', ['::ffff:127.0.0.1', '::ffff:7f00:1', '::FFFF:10.0.0.1']],
  ['mapped though public', ['::ffff:8.8.8.8', '0:0:0:0:0:ffff:808:808']],
  ['IPv4 in IPv6, compatible or translated', ['::127.0.0.1', '::7f00:1', '::ffff:0:127.0.0.1']],
  ['NAT64 to the own network', ['64:ff9b::10.0.0.1', '64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe']],
  ['NAT64 of local use', ['64:ff9b:1::1', '64:ff9b:1:ffff::8.8.8.8', '64:ff9b:0:1::8.8.8.8']],
  ['6to4', ['2002:7f00:1::1', '2002:a00:1::', '2002:808:808::1']],
  ['Teredo and others for protocols', ['2001::1', '2001:0:7f00:1::', '2001:20::1']],
  ['discarded, or not given out', ['100::1', '4000::1', '5f00::1', '8000::1']],
  ['no address', ['', 'localhost', '127.1', '0x7f000001', '2130706433', '1.2.3.4.5', '[::1]']],
];

test.each(OWN_NETWORK)('%s is refused', (_what, addresses) => {
  const taken = addresses.filter((address) => isPublicAddress(address));
  expect(taken).toEqual([]);
});

test('public addresses are accepted, also directly beside a refused network', () => {
  const world = [
    '1.1.1.1',
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.1',
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00:1450:4001:80b::200e',
    '2001:200::1',
    '2003::1',
    '64:ff9b::8.8.8.8',
    '64:ff9b::808:808',
  ];
  expect(world.filter((address) => !isPublicAddress(address))).toEqual([]);
});
