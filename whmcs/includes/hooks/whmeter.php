<?php
// Tells whmeter what WHMCS does: services and limits, last readings, companions; keeps duplicate mails back.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Module\Server\Whmeter\CompanionRounds;
use WHMCS\Module\Server\Whmeter\Companions;
use WHMCS\Module\Server\Whmeter\FinalReading;
use WHMCS\Module\Server\Whmeter\HomeWidget;
use WHMCS\Module\Server\Whmeter\Overage;
use WHMCS\Module\Server\Whmeter\Push;
use WHMCS\Module\Server\Whmeter\Safely;
use WHMCS\Module\Server\Whmeter\SeedMails;
use WHMCS\Module\Server\Whmeter\ServicePage;

// Read by every PHP that WHMCS runs in, so in words that the oldest of them has: an unknown one would end every page.
(static function () {
    $module = dirname(__DIR__, 2) . '/modules/servers/whmeter/autoload.php';
    if (PHP_VERSION_ID < 80100 || !is_file($module)) {
        return;
    }
    require_once $module;

    /** A hook that fails keeps its failure, and answers as if it were not there. */
    $hook = static function ($point, $work, $neutral = null) {
        add_hook($point, 1, static function ($vars = []) use ($point, $work, $neutral) {
            $vars = is_array($vars) ? $vars : [];
            return Safely::run($point, [], static function () use ($work, $vars) {
                return $work($vars);
            }, static function () use ($neutral) {
                return $neutral;
            });
        });
    };
    // An add-on comes with the id of the service it is attached to, to which nothing happens then.
    $addon = static function ($vars) {
        return !empty($vars['params']['addonId']);
    };
    $service = static function ($vars) use ($addon) {
        return $addon($vars) ? 0 : (int) ($vars['params']['serviceid'] ?? 0);
    };

    foreach (['AfterModuleChangePackage', 'ServiceEdit', 'ServiceDelete', 'ProductEdit', 'ServerEdit'] as $change) {
        $hook($change, static function () {
            Push::later();
        });
    }

    $hook('AfterModuleCreate', static function ($vars) use ($service) {
        Push::later();
        Companions::create($service($vars));
    });

    $together = [
        'AfterModuleSuspend' => 'ModuleSuspend',
        'AfterModuleUnsuspend' => 'ModuleUnsuspend',
        'AfterModuleTerminate' => 'ModuleTerminate',
    ];
    foreach ($together as $change => $action) {
        $hook($change, static function ($vars) use ($service, $action) {
            Push::later();
            Companions::follow($service($vars), $action);
        });
    }

    $hook('PreModuleTerminate', static function ($vars) use ($addon) {
        $params = $addon($vars) ? [] : $vars['params'] ?? [];
        FinalReading::take((string) ($params['username'] ?? ''), (int) ($params['serverid'] ?? 0));
    });

    $hook('AfterCronJob', static function () {
        CompanionRounds::go();
    });
    $hook('AfterCronJob', static function () {
        Push::overdue();
    });
    $hook('PreCronJob', static function () {
        Overage::writeOthers();
    });

    if (class_exists('WHMCS\Module\AbstractWidget')) {
        $hook('AdminHomeWidgets', static function () {
            return new HomeWidget();
        });
    }

    $hook('EmailPreSend', static function ($mail) {
        return SeedMails::isDuplicate($mail) ? ['abortsend' => true] : [];
    }, []);

    $hook('ClientAreaProductDetailsOutput', static function ($vars) {
        $params = ServicePage::paramsOfOther((int) ($vars['service']->id ?? 0));
        return $params === null ? '' : ServicePage::ofClient($params, null);
    }, '');

    $hook('AdminClientServicesTabFields', static function ($vars) {
        $params = ServicePage::paramsOfOther((int) ($vars['id'] ?? 0));
        return $params === null ? [] : ServicePage::ofAdmin($params);
    }, []);
})();
