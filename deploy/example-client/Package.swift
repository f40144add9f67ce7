// swift-tools-version: 6.2
import PackageDescription

// A program of one's own that commands agents and reads the archive. Copy this folder anywhere and
// say below where Cerro is: a path, or `url:` and a version.
let package = Package(
    name: "client-example",
    dependencies: [.package(name: "cerro", path: "../..")],
    targets: [
        .executableTarget(
            name: "ClientExample",
            dependencies: [.product(name: "AgentClient", package: "cerro")]
        )
    ],
    swiftLanguageModes: [.v6]
)
