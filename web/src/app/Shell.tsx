// The frame around every page: navigation, time range, theme, command palette.

import { ActionIcon, Drawer, Kbd, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { IconMenu2, IconSearch } from "@tabler/icons-react";
import { Link, Outlet, useLocation, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { RangePicker } from "@/components/RangePicker";
import { RefreshPicker } from "@/components/RefreshPicker";
import type { RangeSearch } from "@/lib/range";
import { useClock } from "@/lib/useRange";
import { Brand } from "./Brand";
import { FURTHER, NAV } from "./nav";
import classes from "./Shell.module.css";
import { ThemeToggle } from "./ThemeToggle";

const Palette = lazy(() => import("./Palette").then((module) => ({ default: module.Palette })));

export function Shell() {
  const { pathname } = useLocation();
  const { refresh }: RangeSearch = useSearch({ strict: false });
  const [menu, setMenu] = useState(false);
  const [palette, setPalette] = useState(false);
  useClock(pathname, refresh);
  useHotkeys([["mod+K", () => setPalette(true)]], [], true);
  useEffect(() => setMenu(false), [pathname]);
  const title = titleOf(pathname);
  useEffect(() => {
    document.title = title ? `${title} · Watchkeep` : "Watchkeep";
  }, [title]);

  return (
    <div className={classes.shell}>
      <a className={classes.skip} href="#page">Skip to the page</a>
      <aside className={classes.side}>
        <Link to="/explore/traces" className={classes.brand} aria-label="Watchkeep, start page"><Brand /></Link>
        <Navigation />
        <div className={classes.sideEnd}><ThemeToggle /></div>
      </aside>
      <header className={classes.top}>
        <ActionIcon className={classes.burger} variant="subtle" color="gray" size="lg" aria-label="Open navigation" onClick={() => setMenu(true)}>
          <IconMenu2 size={18} />
        </ActionIcon>
        <UnstyledButton className={classes.search} onClick={() => setPalette(true)} aria-keyshortcuts="Control+K">
          <IconSearch size={15} aria-hidden />
          <span className={classes.searchText}>Go to page, agent, id …</span>
          <VisuallyHidden>Open the command palette</VisuallyHidden>
          <span className={classes.searchKeys}><Kbd size="xs">Ctrl K</Kbd></span>
        </UnstyledButton>
        <div className={classes.range}>
          <RangePicker />
          <RefreshPicker />
        </div>
      </header>
      <main id="page" className={classes.page} tabIndex={-1}>
        <Outlet />
      </main>
      <Drawer opened={menu} onClose={() => setMenu(false)} size={240} title={<Brand />} transitionProps={{ duration: 120 }}>
        <Navigation />
        <div className={classes.drawerEnd}><ThemeToggle /></div>
      </Drawer>
      {palette && <Suspense><Palette onClose={() => setPalette(false)} /></Suspense>}
    </div>
  );
}

function titleOf(pathname: string): string {
  const named = [...FURTHER, ...NAV.flatMap((group) => group.items)].find((item) => pathname.startsWith(item.to))?.label ?? "";
  const [, trace] = /^\/explore\/traces\/([0-9a-f]+)$/i.exec(pathname) ?? [];
  return trace === undefined ? named : `Trace ${trace.slice(0, 8)}`;
}

function Navigation() {
  return (
    <nav aria-label="Pages" className={classes.nav}>
      {NAV.map((group) => (
        <section key={group.title} aria-labelledby={`nav-${group.title}`}>
          <h2 id={`nav-${group.title}`} className={classes.navTitle}>{group.title}</h2>
          {group.items.map((item) => (
            <Link key={item.to} to={item.to} className={classes.navItem} activeProps={{ "data-active": true }}>
              <item.icon size={16} stroke={1.75} aria-hidden />
              {item.label}
            </Link>
          ))}
        </section>
      ))}
    </nav>
  );
}
