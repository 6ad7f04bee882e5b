/// The style sheet of the status page: light and dark, from a phone's width up, colours with enough contrast.
enum StatusStyle {
    static let css = """
        :root { color-scheme: light dark; --text: #1b1f24; --soft: #57606a; --page: #f6f8fa; --card: #ffffff;
        --line: #d0d7de; --link: #0550ae; --good: #116329; --bad: #a40e26; --c0: #0969da; --c1: #bf5700;
        --c2: #1a7f37; --c3: #8250df; --c4: #a40e26; --c5: #6e7781; }
        @media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --soft: #9da7b3; --page: #0d1117;
        --card: #161b22; --line: #30363d; --link: #79c0ff; --good: #56d364; --bad: #ff7b72; --c0: #58a6ff;
        --c1: #f0883e; --c2: #56d364; --c3: #bc8cff; --c4: #ff7b72; --c5: #8b949e; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; max-width: 80rem; padding: 1rem; background: var(--page); color: var(--text);
        font: 1rem/1.5 system-ui, sans-serif; }
        h1 { margin: 0; font-size: 1.5rem; } h2 { margin: 0 0 .5rem; font-size: 1.2rem; overflow-wrap: anywhere; }
        small, figcaption, dt { color: var(--soft); font-weight: normal; font-size: .875rem; }
        a { color: var(--link); margin-right: 1rem; } a:focus-visible, .scroll:focus-visible, summary:focus-visible
        { outline: 2px solid var(--link); outline-offset: 2px; }
        main { display: grid; gap: 1rem; margin: 1rem 0;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 30rem), 1fr)); }
        section { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem;
        min-width: 0; } .failing { border-color: var(--bad); border-width: 2px; }
        .figures { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; margin: 0 0 .75rem; }
        dd { margin: 0; font-size: 1.15rem; font-variant-numeric: tabular-nums; }
        .meter { margin: 0 0 .75rem; } meter { display: block; width: 100%; height: .75rem; border-radius: .375rem;
        overflow: hidden; background: var(--line); border: 0; appearance: none; -webkit-appearance: none; }
        meter::-webkit-meter-inner-element { display: grid; height: .75rem; grid-template-rows: 1fr; }
        meter::-webkit-meter-bar { background: var(--line); border: 0; border-radius: .375rem; height: .75rem;
        grid-row: 1; }
        .within::-webkit-meter-optimum-value,
        .near::-webkit-meter-optimum-value, .over::-webkit-meter-optimum-value { height: 100%; }
        .within::-webkit-meter-optimum-value { background: var(--c2); }
        .near::-webkit-meter-optimum-value { background: var(--c1); }
        .over::-webkit-meter-optimum-value { background: var(--bad); }
        .within::-moz-meter-bar { background: var(--c2); } .near::-moz-meter-bar { background: var(--c1); }
        .over::-moz-meter-bar { background: var(--bad); }
        figure { margin: 0 0 .75rem; } figure > svg { display: block; width: 100%; height: 7.5rem;
        border-bottom: 1px solid var(--line); } figcaption { display: flex; justify-content: space-between;
        gap: .5rem; flex-wrap: wrap; }
        .legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: .25rem 0; padding: 0;
        font-size: .875rem; } .legend li { overflow-wrap: anywhere; }
        .c0 { fill: var(--c0); } .c1 { fill: var(--c1); } .c2 { fill: var(--c2); } .c3 { fill: var(--c3); }
        .c4 { fill: var(--c4); } .c5 { fill: var(--c5); }
        .scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .875rem; }
        th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line);
        vertical-align: top; white-space: nowrap; font-variant-numeric: tabular-nums; }
        .all { grid-column: 1 / -1; } .all th[scope=row], .all td:last-child { white-space: normal; overflow-wrap: anywhere; }
        .error { white-space: normal; overflow-wrap: anywhere; }
        .all th[scope=row] { min-width: 6rem; }
        @media (max-width: 30rem) { th, td { padding-right: .5rem; }
        .all table { font-size: .8rem; } .all th, .all td { padding-right: .375rem; }
        .all th[scope=row] { min-width: 4.5rem; } .all small { display: block; white-space: normal; }
        .all a { margin-right: 0; } thead th { white-space: normal; }
        figcaption > :nth-child(2) { order: 1;
        flex-basis: 100%; } }
        .notice { border-left: .25rem solid var(--bad); padding-left: .75rem; font-weight: bold; }
        .up { color: var(--good); } .down { color: var(--bad); font-weight: bold; }
        details { margin-top: .25rem; } summary { cursor: pointer; color: var(--link); }
        """
}
