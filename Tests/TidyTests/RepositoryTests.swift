import Testing

/// The rules of the house, applied to the repository as it stands.
@Suite("the repository is tidy")
struct RepositoryTests {
    private func report(_ findings: [Finding]) {
        for finding in Set(findings).sorted() { Issue.record("\(finding)") }
    }

    @Test("the manifest lists the targets of the house, the lowest layer first")
    func manifest() {
        let names = Repository.own.manifest.targets.map(\.name)
        #expect(names.first { $0 != "CKernel" } == "Telemetry")
        #expect(names.contains("cerro"))
        #expect(names.contains("TidyTests"))
        #expect(Set(names).count == names.count)
    }

    @Test("sources keep to layers, lengths, calls and words")
    func sources() {
        let manifest = Repository.own.manifest
        let sources = Repository.own.sources
        #expect(!sources.isEmpty)
        report(
            sources.flatMap { file in
                LayerRules.check(file, manifest) + SizeRules.check(file) + CallRules.check(file)
                    + TextRules.check(file)
            }
        )
    }

    @Test("every file of wrong settings names the words that it must give")
    func badFiles() {
        for path in Repository.own.paths where path.hasSuffix(".bad.yaml") {
            report(TextRules.checkBadFile(path, Repository.own.text(path)))
        }
    }

    @Test("the pages that the house asks for stand beside their targets")
    func pages() {
        report(TextRules.checkPages(Repository.own.paths))
    }

    @Test("no script, page or site file knows the folders of one machine")
    func paths() {
        let kinds = [".md", ".yaml", ".sh", "deploy/test", "deploy/quickstart", ".ci/run"]
        for path in Repository.own.paths where kinds.contains(where: path.hasSuffix) {
            report(TextRules.machinePaths(in: path, Repository.own.text(path)))
        }
    }
}
