// The look: Mantine's theme with our colours, type and density. Colours live in `tokens.css` for both schemes.

import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

const keep: MantineColorsTuple = [
  "#e6f4f9", "#cfe6ef", "#a3cfe0", "#74b7d0", "#4fa3c3", "#2f90b5", "#17799f", "#0d5f7a", "#0a4f66", "#073c4e",
];

/** Mantine's neutrals for the dark scheme, from text to ground, in the hue of our surfaces. */
const dark: MantineColorsTuple = [
  "#dde4ea", "#b9c4ce", "#98a5b1", "#74818d", "#36424e", "#232c35", "#181e25", "#13181e", "#0d1115", "#090c0f",
];

export const theme = createTheme({
  primaryColor: "keep",
  primaryShade: { light: 7, dark: 3 },
  autoContrast: true,
  luminanceThreshold: 0.35,
  colors: { keep, dark },
  fontFamily: "'Inter Variable', system-ui, sans-serif",
  fontFamilyMonospace: "'JetBrains Mono Variable', ui-monospace, monospace",
  fontSizes: { xs: "12px", sm: "13px", md: "13px", lg: "15px", xl: "18px" },
  lineHeights: { xs: "1.4", sm: "1.45", md: "1.5", lg: "1.5", xl: "1.4" },
  spacing: { xs: "8px", sm: "12px", md: "16px", lg: "20px", xl: "32px" },
  defaultRadius: "sm",
  radius: { xs: "3px", sm: "5px", md: "8px", lg: "10px", xl: "16px" },
  respectReducedMotion: true,
  cursorType: "pointer",
  components: {
    TextInput: { defaultProps: { size: "xs" } },
    Select: { defaultProps: { size: "xs", comboboxProps: { shadow: "md", transitionProps: { duration: 0 } } } },
    Button: { defaultProps: { size: "xs" } },
    Tooltip: { defaultProps: { openDelay: 350, withArrow: false, transitionProps: { duration: 0 } } },
    Popover: { defaultProps: { shadow: "md", transitionProps: { duration: 0 } } },
    Menu: { defaultProps: { shadow: "md", transitionProps: { duration: 0 } } },
    Checkbox: { defaultProps: { size: "xs" } },
    Switch: { defaultProps: { size: "xs" } },
  },
});

/** Mantine's own variables point at our tokens, so that every component follows them. */
export const cssVariablesResolver: CSSVariablesResolver = () => {
  const shared = {
    "--mantine-color-body": "var(--wk-surface)",
    "--mantine-color-text": "var(--wk-text)",
    "--mantine-color-dimmed": "var(--wk-dim)",
    "--mantine-color-placeholder": "var(--wk-faint)",
    "--mantine-color-default": "var(--wk-surface)",
    "--mantine-color-default-hover": "var(--wk-hover)",
    "--mantine-color-default-color": "var(--wk-text)",
    "--mantine-color-default-border": "var(--wk-line-strong)",
    "--mantine-color-error": "var(--wk-error)",
    "--mantine-color-anchor": "var(--wk-accent)",
  };
  return { variables: {}, light: shared, dark: shared };
};
