import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** The IPv4 networks that IANA's registry of special-purpose addresses reserves. */
const NOT_PUBLIC_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // A public address, but in Azure it is a service for the machine itself.
  '168.63.129.16/32',
];

/** The part of IPv6 that is assigned for global use. All other addresses are refused. */
const GIVEN_OUT_V6 = ['2000::/3'];
/**
 * Reserved networks in that part: protocols such as Teredo, documentation, 6to4 (which leads to an
 * IPv4 address), documentation.
 */
const NOT_PUBLIC_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];
/**
 * Leads to the IPv4 address in its last four bytes. In networks with IPv6 only, names resolve to
 * such addresses.
 */
const NAT64 = ['64:ff9b::/96'];

const listOf = (networks: readonly string[], family: 'ipv4' | 'ipv6'): BlockList => {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    list.addSubnet(address, Number(bits), family);
  }
  return list;
};

const notPublicV4 = listOf(NOT_PUBLIC_V4, 'ipv4');
const givenOutV6 = listOf(GIVEN_OUT_V6, 'ipv6');
const notPublicV6 = listOf(NOT_PUBLIC_V6, 'ipv6');
const nat64 = listOf(NAT64, 'ipv6');

/**
 * Whether an address is a public unicast address, in any spelling. False for this machine, private
 * networks, a cloud's metadata service, multicast, and text that is not an address.
 */
export const isPublicAddress = (address: string): boolean => {
  if (isIPv4(address)) return isPublicV4(address);
  return isIPv6(address) && !address.includes('%') && isPublicV6(address);
};

const isPublicV4 = (address: string): boolean => !notPublicV4.check(address, 'ipv4');

const isPublicV6 = (address: string): boolean => {
  if (nat64.check(address, 'ipv6')) return isPublicV4(lastFourBytes(address));
  return givenOutV6.check(address, 'ipv6') && !notPublicV6.check(address, 'ipv6');
};

/** The IPv4 address in the last four bytes of an IPv6 address. */
const lastFourBytes = (address: string): string => {
  // The URL parser normalizes an address, with its last bytes in hexadecimal.
  const groups = new URL(`http://[${address}]`).hostname.slice(1, -1).split(':').slice(-2);
  const bytes = groups.map((group) => Number.parseInt(group || '0', 16));
  return bytes.flatMap((group) => [Math.floor(group / 256), group % 256]).join('.');
};
