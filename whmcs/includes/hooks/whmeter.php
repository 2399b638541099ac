<?php
// Tells whmeter what WHMCS does: services and limits, last readings, companions; keeps duplicate mails back.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Module\Server\Whmeter\Companions;
use WHMCS\Module\Server\Whmeter\FinalReading;
use WHMCS\Module\Server\Whmeter\Overage;
use WHMCS\Module\Server\Whmeter\Push;
use WHMCS\Module\Server\Whmeter\Safely;
use WHMCS\Module\Server\Whmeter\SeedMails;
use WHMCS\Module\Server\Whmeter\ServicePage;

(static function (): void {
    $module = dirname(__DIR__, 2) . '/modules/servers/whmeter/autoload.php';
    if (!is_file($module)) {
        return;
    }
    require_once $module;

    /** A hook that fails keeps its failure, and answers as if it were not there. */
    $hook = static function (string $point, callable $work, $neutral = null): void {
        add_hook($point, 1, static function ($vars = []) use ($point, $work, $neutral) {
            $vars = is_array($vars) ? $vars : [];
            return Safely::run($point, [], static fn () => $work($vars), static fn () => $neutral);
        });
    };
    // An add-on comes with the id of the service it is attached to, to which nothing happens then.
    $addon = static fn (array $vars): bool => !empty($vars['params']['addonId']);
    $service = static fn (array $vars): int => $addon($vars) ? 0 : (int) ($vars['params']['serviceid'] ?? 0);

    foreach (['AfterModuleChangePackage', 'ServiceEdit', 'ServiceDelete', 'ProductEdit', 'ServerEdit'] as $change) {
        $hook($change, static fn () => Push::later());
    }

    $hook('AfterModuleCreate', static function (array $vars) use ($service): void {
        Push::later();
        Companions::create($service($vars));
    });

    $together = [
        'AfterModuleSuspend' => 'ModuleSuspend',
        'AfterModuleUnsuspend' => 'ModuleUnsuspend',
        'AfterModuleTerminate' => 'ModuleTerminate',
    ];
    foreach ($together as $change => $action) {
        $hook($change, static function (array $vars) use ($service, $action): void {
            Push::later();
            Companions::follow($service($vars), $action);
        });
    }

    $hook('PreModuleTerminate', static function (array $vars) use ($addon): void {
        $params = $addon($vars) ? [] : $vars['params'] ?? [];
        FinalReading::take((string) ($params['username'] ?? ''), (int) ($params['serverid'] ?? 0));
    });

    $hook('AfterCronJob', static fn () => Push::overdue());
    $hook('PreCronJob', static fn () => Overage::writeOthers());

    $hook('EmailPreSend', static fn (array $mail) => SeedMails::isDuplicate($mail) ? ['abortsend' => true] : [], []);

    $hook('ClientAreaProductDetailsOutput', static function (array $vars): string {
        $params = ServicePage::paramsOfOther((int) ($vars['service']->id ?? 0));
        return $params === null ? '' : ServicePage::ofClient($params, null);
    }, '');

    $hook('AdminClientServicesTabFields', static function (array $vars): array {
        $params = ServicePage::paramsOfOther((int) ($vars['id'] ?? 0));
        return $params === null ? [] : ServicePage::ofAdmin($params);
    }, []);
})();
