import SiteConfig
import Testing

@Suite("the corpus of site files")
struct CorpusTests {
    @Test("a good file gives a site", arguments: Corpus.files(".good.yaml"))
    func good(name: String) throws {
        let site = try Corpus.load(Corpus.text(name), as: name)
        #expect(!site.hosts.isEmpty)
    }

    // Goal: each mistake is told in the words that help, and no other mistake is made up.
    // Method: a bad file begins with one `# expect:` for each problem that it must give.
    @Test(
        "a bad file gives the problems that it announces, no more",
        arguments: Corpus.files(".bad.yaml")
    )
    func bad(name: String) throws {
        let text = try Corpus.text(name)
        let expected = text.split(separator: "\n").filter { $0.hasPrefix("# expect: ") }
            .map { String($0.dropFirst("# expect: ".count)) }
        #expect(!expected.isEmpty, "\(name) has no `# expect:` line")

        let problems = Corpus.problems(text, as: name).map(\.description)
        for words in expected {
            #expect(problems.contains { $0.contains(words) }, "\(words)\n  in \(problems)")
        }
        for problem in problems {
            #expect(expected.contains { problem.contains($0) }, "unexpected: \(problem)")
            #expect(!problem.contains("hunter"), "a secret is told: \(problem)")
        }
    }

    @Test("there are enough bad files to be worth the name")
    func size() {
        #expect(Corpus.files(".bad.yaml").count >= 45)
        #expect(Corpus.files(".good.yaml").count >= 5)
    }

    @Test("the problems of a file come in its order")
    func order() throws {
        let problems = Corpus.problems(try Corpus.text("many.bad.yaml"))
        #expect(problems.count == 7)
        #expect(problems.map(\.place) == problems.map(\.place).sorted())
    }
}
