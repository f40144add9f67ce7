extension RegistrySettings {
    /// What a site has that says nothing about its registry.
    static let standard = RegistrySettings(address: "127.0.0.1", port: 5560)

    /// Reads the section `registry` of `reader`; what it leaves out is as in `fallback`.
    public static func read(
        from reader: inout SettingsReader,
        default fallback: RegistrySettings
    ) -> RegistrySettings {
        reader.section("registry") { section in
            RegistrySettings(
                address: section.host("address", default: fallback.address),
                port: section.port("port", default: fallback.port)
            )
        } ?? fallback
    }
}

extension ArchiveSettings {
    /// What a site has that says nothing about its archive.
    static func standard(folder: String) -> ArchiveSettings {
        ArchiveSettings(
            directory: SettingsReader.absolute("archive", from: folder),
            rotate: .seconds(3600),
            maxSize: 4 << 30
        )
    }

    /// Reads the section `archive` of `reader`; what it leaves out is as in `fallback`.
    public static func read(
        from reader: inout SettingsReader,
        default fallback: ArchiveSettings
    ) -> ArchiveSettings {
        reader.section("archive") { section in
            let settings = ArchiveSettings(
                directory: section.path("directory", default: fallback.directory),
                rotate: section.duration(
                    "rotate",
                    default: fallback.rotate,
                    in: .seconds(1)...(.seconds(86_400)),
                    because: "since a file covers at most a day"
                ),
                maxSize: section.byteCount(
                    "max-size",
                    default: fallback.maxSize,
                    in: (1 << 20)...(64 << 30)
                ),
                reserve: section.byteCount(
                    "reserve",
                    default: fallback.reserve,
                    in: 0...(1 << 40)
                ),
                g3: section.paths("g3", default: fallback.g3),
                compactsDays: section.choice(
                    "compact",
                    of: ["off", "day"],
                    default: fallback.compactsDays ? "day" : "off"
                ) == "day",
                retention: .read(from: &section, default: fallback.retention)
            )
            let isOff = !settings.compactsDays && section.setting("compact")?.text ?? "off" == "off"
            if settings.retention.removesAnything, isOff {
                section.wrong(
                    section.has("retention") ? "retention" : "compact",
                    "is part of compaction, which is off. Write `compact: day` beside it, or "
                        + "keep everything"
                )
            }
            return settings
        } ?? fallback
    }
}

extension ReaderSettings {
    /// What a site has that says nothing about its reader.
    static let standard = ReaderSettings(
        listen: Endpoint(host: "127.0.0.1", port: 8080),
        cache: 512 << 20,
        isBehindProxy: false
    )

    /// Reads the section `reader` of `reader`; what it leaves out is as in `fallback`.
    public static func read(
        from reader: inout SettingsReader,
        default fallback: ReaderSettings
    ) -> ReaderSettings {
        reader.section("reader") { section in
            let settings = ReaderSettings(
                listen: section.endpoint(
                    "listen",
                    default: fallback.listen,
                    defaultPort: fallback.listen.port
                ),
                cache: section.byteCount(
                    "cache",
                    default: fallback.cache,
                    in: (1 << 20)...(1 << 40)
                ),
                isBehindProxy: section.bool("behind-proxy", default: fallback.isBehindProxy),
                tls: section.section("tls") { files in
                    TLSFiles(certificate: files.path("certificate"), key: files.path("key"))
                } ?? fallback.tls,
                names: section.strings("names", default: fallback.names)
            )
            settings.check(&section)
            return settings
        } ?? fallback
    }
}

extension ReaderSettings {
    private func check(_ section: inout SettingsReader) {
        if !listen.isLoopback, !isBehindProxy, tls == nil {
            section.wrong(
                "listen",
                "is off loopback, and HTTP has neither TLS nor tokens there. Listen on 127.0.0.1; "
                    + "or write `tls: {certificate: FILE, key: FILE}` and make tokens by `cerro "
                    + "token new`; or put a proxy with both in front and write "
                    + "`behind-proxy: true`"
            )
        }
        if isBehindProxy, tls != nil {
            section.reject(
                "tls",
                "`tls` and `behind-proxy: true` exclude each other: either the reader speaks TLS, "
                    + "or the proxy does. Drop one of them"
            )
        }
        for name in names {
            let isName =
                name.utf8.count <= 253
                && name.utf8.allSatisfy {
                    (0x30...0x39).contains($0) || (0x41...0x5A).contains($0)
                        || (0x61...0x7A).contains($0) || $0 == 0x2D || $0 == 0x2E
                }
            guard !isName else { continue }
            section.reject(
                "names",
                "`\(name.prefix(Limits.quotedCharacters))` in `names` is no name of a host; write "
                    + "for example `names: [cerro.example.org]`, without scheme and port"
            )
        }
    }
}

extension SpoolSettings {
    /// What a site has that says nothing about its spools.
    static func standard(folder: String) -> SpoolSettings {
        SpoolSettings(directory: SettingsReader.absolute("spool", from: folder), size: 1 << 30)
    }

    /// Reads the section `spool` of `reader`; what it leaves out is as in `fallback`.
    public static func read(
        from reader: inout SettingsReader,
        default fallback: SpoolSettings
    ) -> SpoolSettings {
        reader.section("spool") { section in
            SpoolSettings(
                directory: section.path("directory", default: fallback.directory),
                size: section.byteCount("size", default: fallback.size, in: (1 << 20)...(1 << 42))
            )
        } ?? fallback
    }
}
