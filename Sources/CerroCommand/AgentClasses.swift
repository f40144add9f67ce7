internal import SiteConfig
enum AgentClasses {
    static func check(_ site: Site) -> [SiteProblem] { [] }
}
