/** A given or family name, and its spelling in an email address. */
export type Name = readonly [written: string, ascii: string];

export interface Region {
  country: string;
  language: string;
  callingCode: string;
  /** The number of digits of a phone number after the calling code. */
  phoneDigits: number;
  places: readonly (readonly [city: string, timezone: string])[];
  female: readonly Name[];
  male: readonly Name[];
  family: readonly Name[];
}

const same = (...names: string[]): Name[] =>
  names.map((name) => [name, name.toLowerCase().replaceAll(/[^a-z]/g, '')]);

const INDIA: Region = {
  country: 'IN',
  language: 'hi',
  callingCode: '91',
  phoneDigits: 10,
  places: [
    ['मुंबई', 'Asia/Kolkata'],
    ['Bengaluru', 'Asia/Kolkata'],
    ['Pune', 'Asia/Kolkata'],
  ],
  female: [['प्रिया', 'priya'], ['अनन्या', 'ananya'], ...same('Lakshmi', 'Meera')],
  male: [['आरव', 'aarav'], ['विहान', 'vihaan'], ...same('Arjun', 'Rohan')],
  family: [['शर्मा', 'sharma'], ['पटेल', 'patel'], ...same('Iyer', 'Singh', 'Rao')],
};

const CHINA: Region = {
  country: 'CN',
  language: 'zh',
  callingCode: '86',
  phoneDigits: 11,
  places: [
    ['上海', 'Asia/Shanghai'],
    ['成都', 'Asia/Shanghai'],
  ],
  female: [
    ['芳', 'fang'],
    ['秀英', 'xiuying'],
    ['娜', 'na'],
  ],
  male: [
    ['伟', 'wei'],
    ['强', 'qiang'],
    ['磊', 'lei'],
  ],
  family: [
    ['李', 'li'],
    ['王', 'wang'],
    ['欧阳', 'ouyang'],
  ],
};

const UKRAINE: Region = {
  country: 'UA',
  language: 'uk',
  callingCode: '380',
  phoneDigits: 9,
  places: [
    ['Київ', 'Europe/Kyiv'],
    ['Львів', 'Europe/Kyiv'],
  ],
  female: [
    ['Олена', 'olena'],
    ['Оксана', 'oksana'],
    ["Дар'я", 'darya'],
  ],
  male: [
    ['Андрій', 'andriy'],
    ['Тарас', 'taras'],
  ],
  family: [
    ['Шевченко', 'shevchenko'],
    ['Коваль', 'koval'],
    ["Лук'яненко", 'lukyanenko'],
  ],
};

const EGYPT: Region = {
  country: 'EG',
  language: 'ar',
  callingCode: '20',
  phoneDigits: 10,
  places: [
    ['القاهرة', 'Africa/Cairo'],
    ['Alexandria', 'Africa/Cairo'],
  ],
  female: [
    ['فاطمة', 'fatima'],
    ['مريم', 'maryam'],
    ['نور', 'nour'],
  ],
  male: [
    ['محمد', 'mohamed'],
    ['أحمد', 'ahmed'],
    ['يوسف', 'youssef'],
  ],
  family: [
    ['حسن', 'hassan'],
    ['علي', 'ali'],
    ['عبد الله', 'abdallah'],
  ],
};

const FRANCE: Region = {
  country: 'FR',
  language: 'fr',
  callingCode: '33',
  phoneDigits: 9,
  places: [
    ['Paris', 'Europe/Paris'],
    ['Saint-Étienne', 'Europe/Paris'],
    ["L'Haÿ-les-Roses", 'Europe/Paris'],
  ],
  female: [['Zoë', 'zoe'], ['Chloé', 'chloe'], ['Anaïs', 'anais'], ...same('Jeanne')],
  male: [['François', 'francois'], ['Loïc', 'loic'], ...same('Hugo', 'Jean-Luc')],
  family: [['Lefèvre', 'lefevre'], ['Noël', 'noel'], ...same('Dubois', "D'Aubigné", 'de La Tour')],
};

const GERMANY: Region = {
  country: 'DE',
  language: 'de',
  callingCode: '49',
  phoneDigits: 11,
  places: [
    ['Köln', 'Europe/Berlin'],
    ['Berlin', 'Europe/Berlin'],
    ['Gießen', 'Europe/Berlin'],
  ],
  female: [['Käthe', 'kaethe'], ...same('Anna', 'Ida', 'Greta')],
  male: [['Jürgen', 'juergen'], ['Björn', 'bjoern'], ...same('Emil', 'Karl')],
  family: [['Müller', 'mueller'], ['Groß', 'gross'], ...same('Schmidt', 'von der Heide, Dr.')],
};

const UNITED_STATES: Region = {
  country: 'US',
  language: 'en',
  callingCode: '1',
  phoneDigits: 10,
  places: [
    ['Austin', 'America/Chicago'],
    ['Seattle', 'America/Los_Angeles'],
    ['Washington, D.C.', 'America/New_York'],
  ],
  female: same('Ava', 'Mia', 'Grace', 'Elizabeth "Beth"'),
  male: same('Noah', 'Liam', 'William "Bill"', 'Ezra'),
  family: same("O'Brien", 'Smith', 'Johnson, Jr.', 'Nguyen', 'Null', 'Washington'),
};

const BRAZIL: Region = {
  country: 'BR',
  language: 'pt',
  callingCode: '55',
  phoneDigits: 11,
  places: [
    ['São Paulo', 'America/Sao_Paulo'],
    ['Brasília', 'America/Sao_Paulo'],
  ],
  female: [['Conceição', 'conceicao'], ...same('Beatriz', 'Larissa')],
  male: [['João', 'joao'], ['Antônio', 'antonio'], ...same('Rafael')],
  family: [['Gonçalves', 'goncalves'], ['Araújo', 'araujo'], ...same('Silva', 'dos Santos')],
};

const SWEDEN: Region = {
  country: 'SE',
  language: 'sv',
  callingCode: '46',
  phoneDigits: 9,
  places: [
    ['Malmö', 'Europe/Stockholm'],
    ['Örebro', 'Europe/Stockholm'],
  ],
  female: [['Åsa', 'asa'], ['Märta', 'marta'], ...same('Ebba')],
  male: [['Göran', 'goran'], ...same('Nils', 'Axel')],
  family: [['Öberg', 'oberg'], ['Sjöström', 'sjostrom'], ...same('Lind')],
};

/** A country with several entries is chosen more often. */
export const REGIONS: readonly Region[] = [
  INDIA,
  INDIA,
  UNITED_STATES,
  UNITED_STATES,
  CHINA,
  UKRAINE,
  EGYPT,
  FRANCE,
  GERMANY,
  BRAZIL,
  SWEDEN,
];
