// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")

/// One library target with the settings that all of them share.
func library(
    _ name: String,
    _ dependencies: [Target.Dependency] = [],
    resources: [Resource] = []
) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        resources: resources,
        swiftSettings: settings
    )
}

/// The tests of one target, in a folder that mirrors its sources.
func tests(
    _ name: String,
    _ dependencies: [Target.Dependency],
    beside files: [String] = []
) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: files, swiftSettings: settings)
}

let package = Package(
    name: "cerro",
    products: [
        .executable(name: "cerro", targets: ["cerro"]),
        .library(name: "AgentRuntime", targets: ["AgentRuntime", "Telemetry"]),
        .library(
            name: "AgentClient",
            targets: ["AgentClient", "MessageBus", "SiteConfig", "Telemetry"]
        ),
    ],
    dependencies: [
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    ],
    targets: [
        // A target imports only targets above it; TidyTests holds the sources to that.
        .target(name: "CKernel"),
        library("Telemetry", ["CKernel"]),
        .systemLibrary(name: "CMsgPack", providers: [.apt(["libmsgpack-dev"])]),
        library("MessagePack", ["CMsgPack", "Telemetry"]),
        library(
            "SiteConfig",
            ["Telemetry", .product(name: "Yams", package: "Yams")]
        ),
        .target(name: "CChecksum"),
        .target(name: "CPacking"),
        .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        library(
            "ArchiveFormat",
            ["CChecksum", "CPacking", "CZstd", "MessagePack", "Telemetry"]
        ),
        library("ArrowFormat", ["Telemetry"]),
        library("G3Format", ["ArchiveFormat"]),
        .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
        library("ZeroMQ", ["CZeroMQ", "Telemetry"]),
        library("Access", ["SiteConfig", "Telemetry", "ZeroMQ"]),
        library("MessageBus", ["MessagePack", "Telemetry", "ZeroMQ", logging]),
        library("Log", ["ArchiveFormat", "MessagePack", "Telemetry"]),
        library(
            "Archive",
            [
                "ArchiveFormat", "CKernel", "G3Format", "Log", "MessagePack", "SiteConfig",
                "Telemetry",
                .product(name: "GRDB", package: "GRDB.swift"),
            ]
        ),
        library(
            "AgentRuntime",
            [
                "Access", "ArchiveFormat", "Log", "MessageBus", "MessagePack", "SiteConfig",
                "Telemetry", "ZeroMQ", logging,
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]
        ),
        library(
            "AgentClient",
            [
                "Access", "ArchiveFormat", "MessageBus", "MessagePack", "SiteConfig", "Telemetry",
                "ZeroMQ", logging,
            ]
        ),
        library(
            "Registry",
            [
                "Access", "AgentRuntime", "MessageBus", "MessagePack", "SiteConfig", "Telemetry",
                logging,
            ]
        ),
        library(
            "Aggregator",
            [
                "AgentClient", "AgentRuntime", "Archive", "ArchiveFormat", "Log", "MessageBus",
                "SiteConfig", "Telemetry", "ZeroMQ", logging,
            ]
        ),
        .target(name: "CRE2", linkerSettings: [.linkedLibrary("re2")]),
        library("PromQL", ["CRE2", "Telemetry"]),
        library(
            "Reader",
            [
                "Access", "AgentClient", "AgentRuntime", "Archive", "ArchiveFormat", "ArrowFormat",
                "CZlib", "MessageBus", "MessagePack", "PromQL", "SiteConfig", "Telemetry", logging,
                nioCore,
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            resources: [.embedInCode("Monitor/Page")]
        ),
        library(
            "InstrumentAgents",
            [
                "AgentRuntime", "Archive", "Reader", "SiteConfig", "Telemetry", nioCore, nioPosix,
            ]
        ),
        library("InstrumentEmulators", ["Telemetry", nioCore, nioPosix]),
        library(
            "CerroTesting",
            [
                "Access", "AgentClient", "AgentRuntime", "Log", "MessageBus", "Registry",
                "SiteConfig", "Telemetry", "ZeroMQ", logging,
            ]
        ),
        .target(name: "CCairo"),
        library(
            "CerroCommand",
            [
                "Access", "AgentClient", "AgentRuntime", "Aggregator", "Archive", "ArchiveFormat",
                "CCairo", "CKernel",
                "InstrumentAgents", "InstrumentEmulators", "Log", "MessageBus", "MessagePack",
                "Reader", "Registry", "SiteConfig", "Telemetry", "ZeroMQ", logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),
        library(
            "FuzzTargets",
            [
                "Archive", "ArchiveFormat", "G3Format", "InstrumentAgents", "Log", "MessageBus",
                "MessagePack", "PromQL", "Reader", "SiteConfig", "Telemetry",
            ]
        ),
        .executableTarget(name: "cerro", dependencies: ["CerroCommand"], swiftSettings: settings),
        // What users copy; built with everything, so that it stays right.
        .executableTarget(
            name: "ClientExample",
            dependencies: ["AgentClient", "MessageBus", "SiteConfig", "Telemetry"],
            path: "deploy/example-client/Sources/ClientExample",
            swiftSettings: settings
        ),

        tests("TelemetryTests", ["Telemetry"]),
        tests("PromQLTests", ["CerroTesting", "PromQL", "Telemetry"]),
        tests("MessagePackTests", ["MessagePack", "Telemetry"]),
        tests("ZeroMQTests", ["CerroTesting", "ZeroMQ"]),
        tests(
            "MessageBusTests",
            ["CerroTesting", "MessageBus", "MessagePack", "Telemetry", "ZeroMQ", logging]
        ),
        tests("SiteConfigTests", ["SiteConfig", "Telemetry"]),
        tests("AccessTests", ["Access", "CerroTesting", "SiteConfig", "Telemetry", "ZeroMQ"]),
        tests(
            "ArchiveFormatTests",
            ["ArchiveFormat", "CerroTesting", "MessagePack", "Telemetry"]
        ),
        tests(
            "ArrowFormatTests",
            ["ArrowFormat", "CerroTesting", "Telemetry"],
            beside: ["read_stream.py"]
        ),
        tests("LogTests", ["ArchiveFormat", "CerroTesting", "Log", "MessagePack", "Telemetry"]),
        tests(
            "ArchiveTests",
            [
                "Archive", "ArchiveFormat", "CerroTesting", "Log", "MessagePack", "SiteConfig",
                "Telemetry",
            ]
        ),
        tests("G3FormatTests", ["G3Format"]),
        tests(
            "AgentRuntimeTests",
            [
                "Access", "AgentClient", "AgentRuntime", "ArchiveFormat", "CerroTesting", "Log",
                "MessageBus", "Telemetry", "ZeroMQ",
            ]
        ),
        tests("RegistryTests", ["MessagePack", "Registry", "Telemetry"]),
        tests(
            "ReaderTests",
            [
                "Access", "AgentClient", "AgentRuntime", "Archive", "ArchiveFormat", "CZlib",
                "CerroTesting",
                "Log", "MessageBus", "MessagePack", "PromQL", "Reader", "SiteConfig", "Telemetry",
                logging, nioCore, .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
            ]
        ),
        tests(
            "InstrumentTests",
            [
                "AgentRuntime", "Archive", "CerroTesting", "InstrumentAgents",
                "InstrumentEmulators", "SiteConfig", "Telemetry", nioCore,
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ]
        ),
        tests(
            "CerroCommandTests",
            [
                "Access", "AgentClient", "AgentRuntime", "Archive", "ArchiveFormat", "CerroCommand",
                "CerroTesting", "MessageBus", "MessagePack", "Reader", "SiteConfig", "Telemetry",
                "ZeroMQ",
            ]
        ),
        tests(
            "AggregatorTests",
            [
                "Aggregator", "Archive", "ArchiveFormat", "CerroTesting", "Log", "MessagePack",
                "SiteConfig", "Telemetry",
            ]
        ),
        tests(
            "SimulationTests",
            [
                "Aggregator", "Archive", "ArchiveFormat", "CerroTesting", "Log", "MessagePack",
                "Telemetry",
            ]
        ),
        tests(
            "SiteTests",
            [
                "AgentClient", "AgentRuntime", "Aggregator", "CerroTesting", "InstrumentAgents",
                "MessageBus", "Reader", "SiteConfig", "Telemetry",
            ]
        ),
        tests(
            "ProcessTests",
            [
                "AgentClient", "CerroCommand", "CerroTesting", "ClientExample", "MessageBus",
                "Telemetry", "ZeroMQ", "cerro", logging,
            ]
        ),
        tests(
            "FaultTests",
            [
                "Access", "AgentClient", "CerroTesting", "MessageBus", "Telemetry", "ZeroMQ",
                "cerro", logging,
            ]
        ),
        tests("FuzzTargetsTests", ["FuzzTargets"]),
        tests("TidyTests", []),
    ],
    swiftLanguageModes: [.v6]
)
