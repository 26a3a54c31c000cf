import {
  createTheme,
  type CSSVariablesResolver,
  defaultVariantColorsResolver,
  type MantineColorsTuple,
  type VariantColorsResolver,
} from '@mantine/core';

/** The colours that parts of the kit may name, each with its tokens. */
const COLORS = {
  act: {
    text: 'var(--act)',
    fill: 'var(--act)',
    hover: 'var(--act-hover)',
    on: 'var(--on-act)',
    light: 'var(--selected)',
  },
  danger: {
    text: 'var(--danger-text)',
    fill: 'var(--danger)',
    hover: 'var(--danger-hover)',
    on: 'var(--on-danger)',
    light: 'var(--hover)',
  },
  gray: {
    text: 'var(--ink)',
    fill: 'var(--soft)',
    hover: 'var(--ink)',
    on: 'var(--card)',
    light: 'var(--hover)',
  },
} as const;

/** The grays that parts of the kit use in light, from the lightest on. */
const GRAYS: MantineColorsTuple = [
  'var(--hover)',
  'var(--hover)',
  'var(--line)',
  'var(--line)',
  'var(--edge)',
  'var(--soft)',
  'var(--soft)',
  'var(--ink)',
  'var(--ink)',
  'var(--ink)',
];

/** The grays that parts of the kit use in dark, from the lightest on. */
const DARKS: MantineColorsTuple = [
  'var(--ink)',
  'var(--soft)',
  'var(--soft)',
  'var(--edge)',
  'var(--line)',
  'var(--hover)',
  'var(--card)',
  'var(--card)',
  'var(--back)',
  'var(--back)',
];

/** The kit wants ten shades of a colour. A token has its own value in light and in dark. */
const tupleOf = (color: string): MantineColorsTuple => [
  color,
  color,
  color,
  color,
  color,
  color,
  color,
  color,
  color,
  color,
];

/** The kit cannot compute the contrast to a variable, so the colour on a filled part is named. */
const variantColorResolver: VariantColorsResolver = (input) => {
  const colors = defaultVariantColorsResolver(input);
  const known = COLORS[(input.color ?? input.theme.primaryColor) as keyof typeof COLORS];
  return input.variant === 'filled' && known !== undefined
    ? { ...colors, color: known.on }
    : colors;
};

export const theme = createTheme({
  primaryColor: 'act',
  colors: {
    act: tupleOf(COLORS.act.fill),
    danger: tupleOf(COLORS.danger.fill),
    gray: GRAYS,
    dark: DARKS,
  },
  autoContrast: true,
  variantColorResolver,
  fontFamily: 'var(--family)',
  fontFamilyMonospace: 'var(--family-code)',
  fontSizes: { xs: '12px', sm: '14px', md: '14px', lg: '16px', xl: '20px' },
  lineHeights: { xs: '16px', sm: '20px', md: '20px', lg: '24px', xl: '28px' },
  spacing: { xs: '8px', sm: '12px', md: '16px', lg: '24px', xl: '32px' },
  radius: { sm: 'var(--radius-4)', md: 'var(--radius-8)' },
  defaultRadius: 'sm',
  shadows: { md: 'var(--shadow)', xl: 'var(--shadow)' },
  focusRing: 'auto',
  respectReducedMotion: true,
  components: {
    Drawer: { defaultProps: { transitionProps: { duration: 140 } } },
    Menu: {
      defaultProps: {
        transitionProps: { duration: 120 },
        shadow: 'md',
        // A menu may hold only its items, and belongs to the landmark of its button.
        withInitialFocusPlaceholder: false,
        withinPortal: false,
      },
    },
    Modal: { defaultProps: { transitionProps: { duration: 140 }, radius: 'md' } },
  },
});

/** The variables of the kit, in terms of the tokens; the same in light and in dark. */
export const cssVariablesResolver: CSSVariablesResolver = () => {
  const both = {
    '--mantine-color-text': 'var(--ink)',
    '--mantine-color-bright': 'var(--ink)',
    '--mantine-color-body': 'var(--card)',
    '--mantine-color-error': 'var(--danger-text)',
    '--mantine-color-placeholder': 'var(--soft)',
    '--mantine-color-anchor': 'var(--act)',
    '--mantine-color-default': 'var(--card)',
    '--mantine-color-default-hover': 'var(--hover)',
    '--mantine-color-default-color': 'var(--ink)',
    '--mantine-color-default-border': 'var(--edge)',
    '--mantine-color-dimmed': 'var(--soft)',
    '--mantine-color-disabled': 'var(--hover)',
    '--mantine-color-disabled-color': 'var(--soft)',
    '--mantine-color-disabled-border': 'var(--line)',
    '--mantine-primary-color-contrast': 'var(--on-act)',
    ...Object.assign({}, ...Object.entries(COLORS).map(variablesOf)),
  };
  return { variables: {}, light: both, dark: both };
};

const variablesOf = ([name, { text, fill, hover, light }]: [string, Record<string, string>]) => ({
  [`--mantine-color-${name}-text`]: text,
  [`--mantine-color-${name}-filled`]: fill,
  [`--mantine-color-${name}-filled-hover`]: hover,
  [`--mantine-color-${name}-light`]: light,
  [`--mantine-color-${name}-light-hover`]: 'var(--hover)',
  [`--mantine-color-${name}-light-color`]: text,
  [`--mantine-color-${name}-outline`]: text,
  [`--mantine-color-${name}-outline-hover`]: 'var(--hover)',
});
